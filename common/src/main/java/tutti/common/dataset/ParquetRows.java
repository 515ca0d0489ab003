package tutti.common.dataset;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.convert.GroupRecordConverter;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.io.ColumnIOFactory;
import org.apache.parquet.io.LocalInputFile;
import org.apache.parquet.io.MessageColumnIO;
import org.apache.parquet.io.RecordReader;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** Parquet, a row group in memory at a time. Null is as if the field were missing; numbers of more than 64 bits and times are left out. */
final class ParquetRows {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private ParquetRows() {}

    static void read(Path file, Consumer<Row> into) throws CharacterCodingException {
        // Without this configuration it would ask for the whole of Hadoop.
        ParquetReadOptions options = ParquetReadOptions.builder(new PlainParquetConfiguration())
                .withCodecFactory(new ParquetCodecs())
                .build();
        try (ParquetFileReader parquet = ParquetFileReader.open(new LocalInputFile(file), options)) {
            MessageType schema = parquet.getFileMetaData().getSchema();
            MessageColumnIO columns = new ColumnIOFactory().getColumnIO(schema);
            long index = 0;
            for (PageReadStore rows = parquet.readNextRowGroup(); rows != null; rows = parquet.readNextRowGroup()) {
                RecordReader<Group> reader = columns.getRecordReader(rows, new GroupRecordConverter(schema));
                for (long i = 0; i < rows.getRowCount(); i++) {
                    take(into, Row.ofIndex(file, index++, 0, struct(reader.read())));
                }
            }
        } catch (NotTaken e) {
            throw e.cause;
        } catch (TuttiException | CharacterCodingException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            throw new TuttiException(
                    Category.DATA,
                    file + ": no whole Parquet file: "
                            + String.valueOf(e.getMessage()).lines().findFirst().orElse(""),
                    e);
        }
    }

    /** What goes wrong with a row behind this is no fault of the file. */
    private static void take(Consumer<Row> into, Row row) {
        try {
            into.accept(row);
        } catch (RuntimeException e) {
            throw new NotTaken(e);
        }
    }

    private static final class NotTaken extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final transient RuntimeException cause;

        NotTaken(RuntimeException cause) {
            super(cause);
            this.cause = cause;
        }
    }

    private static ObjectNode struct(Group group) throws IOException {
        GroupType type = group.getType();
        ObjectNode object = NODES.objectNode();
        for (int field = 0; field < type.getFieldCount(); field++) {
            int count = group.getFieldRepetitionCount(field);
            if (type.getType(field).isRepetition(Type.Repetition.REPEATED)) {
                object.set(type.getFieldName(field), list(group, field));
            } else if (count > 0) {
                JsonNode value = value(group, field, 0);
                if (!value.isMissingNode()) {
                    object.set(type.getFieldName(field), value);
                }
            }
        }
        return object;
    }

    private static ArrayNode list(Group group, int field) throws IOException {
        ArrayNode list = NODES.arrayNode();
        for (int i = 0; i < group.getFieldRepetitionCount(field); i++) {
            list.add(value(group, field, i));
        }
        return list;
    }

    private static JsonNode value(Group group, int field, int i) throws IOException {
        Type type = group.getType().getType(field);
        if (type.isPrimitive()) {
            return scalar(group, field, i);
        }
        Group inner = group.getGroup(field, i);
        LogicalTypeAnnotation logical = type.getLogicalTypeAnnotation();
        if (logical instanceof LogicalTypeAnnotation.ListLogicalTypeAnnotation) {
            return elements(inner);
        }
        return struct(inner);
    }

    /** Each element has a group of its own around it, except in files of old writers. */
    private static ArrayNode elements(Group list) throws IOException {
        Type repeated = list.getType().getType(0);
        boolean wrapped = !repeated.isPrimitive()
                && repeated.asGroupType().getFieldCount() == 1
                && !repeated.getName().equals("array")
                && !repeated.getName().endsWith("_tuple");
        if (!wrapped) {
            return list(list, 0);
        }
        ArrayNode elements = NODES.arrayNode();
        for (int i = 0; i < list.getFieldRepetitionCount(0); i++) {
            Group element = list.getGroup(0, i);
            elements.add(element.getFieldRepetitionCount(0) == 0 ? NODES.nullNode() : value(element, 0, 0));
        }
        return elements;
    }

    private static JsonNode scalar(Group group, int field, int i) throws IOException {
        return switch (group.getType().getType(field).asPrimitiveType().getPrimitiveTypeName()) {
            case BINARY -> NODES.textNode(text(group.getBinary(field, i).getBytes()));
            case BOOLEAN -> NODES.booleanNode(group.getBoolean(field, i));
            case INT32 -> NODES.numberNode(group.getInteger(field, i));
            case INT64 -> NODES.numberNode(group.getLong(field, i));
            case FLOAT -> NODES.numberNode(group.getFloat(field, i));
            case DOUBLE -> NODES.numberNode(group.getDouble(field, i));
            case INT96, FIXED_LEN_BYTE_ARRAY -> NODES.missingNode();
        };
    }

    private static String text(byte[] utf8) throws IOException {
        if (utf8.length > Limits.MAX_TEXT) {
            throw new IOException("a text of " + utf8.length + " bytes, at most " + Limits.MAX_TEXT + " are read");
        }
        return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
    }
}
