/**
 * The Jinja that chat templates are written in, rendered to the same characters as in Python.
 *
 * <p>Start at {@link tutti.common.token.jinja.JinjaTemplate}: a source becomes a template, a template and variables become a
 * text and the places where the assistant speaks. Inside, in the order of a rendering: {@code Lexer} makes tokens, {@code
 * Parser} and {@code ExprParser} make records of them ({@code Statement}, {@code Expr}), each of which knows what it is worth
 * in a {@code Scope}. {@code Kinds} says how Python's values look in Java; {@code Operators}, {@code Compare}, {@code Lookup}
 * and {@code Repr} are Python's rules for them; {@code Methods}, {@code Filters}, {@code Tests} and {@code Globals} are what a
 * template can name. {@code Budget} bounds it all, because templates come with models of strangers.
 *
 * <p>Not here, and refused by name: the tags block, extends, include, import, from and autoescape; the filters filesizeformat,
 * pprint, random, striptags, urlize, wordwrap and xmlattr; the function lipsum; integers of more than 64 bits. Known to differ:
 * escape and safe give plain text, so nothing that is added to it later is escaped; 1, 1.0 and true are three keys of a dict;
 * a wrong number of arguments is refused in other words than Python's.
 *
 * <p>Called by common.token. Calls common.error. Knows nothing of token ids, roles or files.
 */
package tutti.common.token.jinja;
