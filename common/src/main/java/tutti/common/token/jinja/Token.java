package tutti.common.token.jinja;

/**
 * One word of a template.
 *
 * @param text the name, the operator, the string's value, or the digits of a number
 * @param line from 1
 */
record Token(Kind kind, String text, int line) {
    enum Kind {
        DATA("template data / text"),
        BLOCK_BEGIN("begin of statement block"),
        BLOCK_END("end of statement block"),
        VARIABLE_BEGIN("begin of print statement"),
        VARIABLE_END("end of print statement"),
        NAME("name"),
        STRING("string"),
        INTEGER("integer"),
        FLOAT("float"),
        OPERATOR("operator"),
        END("end of template"),
        /** Where the lexer gave up; the text says why. */
        ERROR("error");

        final String description;

        Kind(String description) {
            this.description = description;
        }
    }

    boolean isName(String name) {
        return kind == Kind.NAME && text.equals(name);
    }

    boolean isOperator(String operator) {
        return kind == Kind.OPERATOR && text.equals(operator);
    }

    /** As errors call it. */
    String describe() {
        return kind == Kind.NAME || kind == Kind.OPERATOR ? text : kind.description;
    }
}
