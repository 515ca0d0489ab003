package tutti.common.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * Reads and checks the JSON header of a safetensors file. The rules are those of huggingface/safetensors: every byte of the
 * buffer belongs to exactly one tensor, and shape, type and offsets agree.
 *
 * @param tensors in the order of their bytes in the file
 */
record SafetensorsHeader(Map<String, TensorInfo> tensors, Map<String, String> metadata) {
    private static final String METADATA = "__metadata__";
    private static final String FIX =
            "; the file is damaged or was not written by safetensors: download or copy it again";
    /** No real tensor has more; it bounds what a hostile header can make us keep per tensor. */
    private static final int MAX_DIMENSIONS = 64;

    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    static SafetensorsHeader parse(Path file, byte[] header, long dataBytes) {
        List<TensorInfo> found = new ArrayList<>();
        Map<String, String> metadata = new LinkedHashMap<>();
        // A strict decoder in front, because Jackson would guess UTF-16 from the first bytes.
        var reader = new InputStreamReader(
                new ByteArrayInputStream(header),
                StandardCharsets.UTF_8
                        .newDecoder()
                        .onMalformedInput(CodingErrorAction.REPORT)
                        .onUnmappableCharacter(CodingErrorAction.REPORT));
        try (JsonParser json = JSON.createParser(reader)) {
            expect(file, json, json.nextToken(), JsonToken.START_OBJECT, "the header");
            while (json.nextToken() != JsonToken.END_OBJECT) {
                String name = json.currentName();
                json.nextToken();
                if (name.equals(METADATA)) {
                    readMetadata(file, json, metadata);
                } else {
                    found.add(readTensor(file, json, name));
                }
            }
            if (json.nextToken() != null) {
                throw bad(file, "text after the closing brace of the header");
            }
        } catch (CharacterCodingException e) {
            throw new TuttiException(Category.DATA, file + ": the header is not UTF-8" + FIX, e);
        } catch (JsonProcessingException e) {
            String where = e.getLocation() == null ? "?" : "" + e.getLocation().getCharOffset();
            throw new TuttiException(
                    Category.DATA,
                    file + ": the header is not valid JSON at character " + where + ": "
                            + e.getOriginalMessage().lines().findFirst().orElse("") + FIX,
                    e);
        } catch (IOException e) {
            throw new TuttiException(Category.DATA, file + ": the header cannot be read: " + e.getMessage() + FIX, e);
        }
        return new SafetensorsHeader(inFileOrder(file, found, dataBytes), Collections.unmodifiableMap(metadata));
    }

    private static void readMetadata(Path file, JsonParser json, Map<String, String> into) throws IOException {
        expect(file, json, json.currentToken(), JsonToken.START_OBJECT, METADATA);
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = json.currentName();
            expect(file, json, json.nextToken(), JsonToken.VALUE_STRING, METADATA + "." + key);
            into.put(key, json.getText());
        }
    }

    private static TensorInfo readTensor(Path file, JsonParser json, String name) throws IOException {
        String what = "tensor '" + name + "'";
        expect(file, json, json.currentToken(), JsonToken.START_OBJECT, what);
        StoredDType dtype = null;
        List<Long> shape = null;
        List<Long> offsets = null;
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = json.currentName();
            JsonToken value = json.nextToken();
            switch (key) {
                case "dtype" -> {
                    expect(file, json, value, JsonToken.VALUE_STRING, what + " dtype");
                    dtype = dtypeOf(file, what, json.getText());
                }
                case "shape" -> shape = readSizes(file, json, what + " shape", MAX_DIMENSIONS);
                case "data_offsets" -> offsets = readSizes(file, json, what + " data_offsets", 2);
                default -> json.skipChildren();
            }
        }
        if (dtype == null || shape == null || offsets == null || offsets.size() != 2) {
            throw bad(file, what + " needs dtype, shape and data_offsets [begin, end]");
        }
        return checked(file, what, new TensorInfo(name, dtype, shape, offsets.get(0), offsets.get(1)));
    }

    private static StoredDType dtypeOf(Path file, String what, String text) {
        for (StoredDType dtype : StoredDType.values()) {
            if (dtype.name().equals(text)) {
                return dtype;
            }
        }
        throw bad(file, what + " has dtype '" + text + "', known are " + List.of(StoredDType.values()));
    }

    private static List<Long> readSizes(Path file, JsonParser json, String what, int limit) throws IOException {
        expect(file, json, json.currentToken(), JsonToken.START_ARRAY, what);
        List<Long> sizes = new ArrayList<>(4);
        while (json.nextToken() != JsonToken.END_ARRAY) {
            expect(file, json, json.currentToken(), JsonToken.VALUE_NUMBER_INT, what);
            if (json.getNumberType() == JsonParser.NumberType.BIG_INTEGER || json.getLongValue() < 0) {
                throw bad(file, what + " has " + json.getText() + ", needs 0 to 2^63 - 1");
            }
            if (sizes.size() == limit) {
                throw bad(file, what + " has more than " + limit + " numbers");
            }
            sizes.add(json.getLongValue());
        }
        return sizes;
    }

    private static TensorInfo checked(Path file, String what, TensorInfo tensor) {
        if (tensor.begin() > tensor.end()) {
            throw bad(file, what + " begins at " + tensor.begin() + " after its end " + tensor.end());
        }
        long needed;
        try {
            needed = TensorInfo.bytesOf(tensor.dtype(), tensor.shape());
        } catch (ArithmeticException e) {
            throw new TuttiException(
                    Category.DATA, file + ": " + what + " shape " + tensor.shape() + " is past 2^63 bytes" + FIX, e);
        }
        if (needed != tensor.bytes()) {
            throw bad(
                    file,
                    what + " shape " + tensor.shape() + " of " + tensor.dtype() + " needs " + needed
                            + " bytes, its offsets give " + tensor.bytes());
        }
        return tensor;
    }

    private static Map<String, TensorInfo> inFileOrder(Path file, List<TensorInfo> found, long dataBytes) {
        List<TensorInfo> sorted = new ArrayList<>(found);
        sorted.sort(Comparator.comparingLong(TensorInfo::begin).thenComparingLong(TensorInfo::end));
        Map<String, TensorInfo> tensors = new LinkedHashMap<>(sorted.size() * 2);
        long next = 0;
        for (TensorInfo tensor : sorted) {
            if (tensor.begin() != next) {
                String kind = tensor.begin() < next ? "overlaps the tensor before it" : "leaves a hole before it";
                throw bad(
                        file,
                        "tensor '" + tensor.name() + "' begins at byte " + tensor.begin() + ", needs " + next + ": it "
                                + kind);
            }
            next = tensor.end();
            tensors.put(tensor.name(), tensor);
        }
        if (next != dataBytes) {
            throw bad(
                    file,
                    "the tensors take " + next + " bytes, the file holds " + dataBytes + " after its header"
                            + (dataBytes < next ? " (cut short)" : ""));
        }
        return Collections.unmodifiableMap(tensors);
    }

    private static void expect(Path file, JsonParser json, JsonToken seen, JsonToken needed, String what)
            throws IOException {
        if (seen != needed) {
            throw bad(
                    file,
                    what + " has " + (seen == null ? "nothing" : seen) + " at character "
                            + json.currentTokenLocation().getCharOffset() + ", needs " + needed);
        }
    }

    private static TuttiException bad(Path file, String problem) {
        // A name in the header may hold line breaks; the message stays one line.
        return new TuttiException(Category.DATA, file + ": " + problem.replaceAll("\\p{Cntrl}", "?") + FIX);
    }
}
