"""Writes probes.jsonl: what Jinja2 3.1.6 makes of each template of probes.txt, in the environment of transformers.

    python3 probes.py [snippets.json]

With the snippets of @huggingface/jinja it also writes snippets-python.json: those whose result in Python is not theirs.
"""
import datetime, json, re, sys
from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

SPANS, BLOCKS = [], []
ESCAPE = re.compile(r"(?<!\\)\\(?:[ntr]|u[0-9a-f]{4})")
ADDRESS = re.compile(r" at 0x[0-9a-f]+|\(<template>, line \d+\)")
CONTEXT = json.loads("""{"s": "Hello World", "e": "", "n": 5, "f": 2.5, "t": true, "z": null, "u8": "Gr\\u00fc\\u00dfe \\ud83d\\ude00!",
  "list": [3, 1, 2], "words": ["b", "A", "c"], "d": {"b": 1, "a": {"x": [1, {"y": null}]}, "items": "own"},
  "users": [{"name": "Zoe", "age": 3, "tags": ["x"]}, {"name": "adam", "age": 1, "tags": []}, {"name": "Bob", "age": 3}],
  "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi\\nthere"},
               {"role": "assistant", "content": "<think>a</think>b", "tool_calls": null}]}""")


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_note"), [], [], body).set_lineno(line)

    def _note(self, caller):
        text = caller()
        start = len("".join(BLOCKS))
        SPANS.append([start, start + len(text)])
        return text


def environment():
    def raise_exception(message):
        raise TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = lambda format: datetime.datetime(2025, 7, 10, 12, 0).strftime(format)
    return made


def render(template, context):
    SPANS.clear(), BLOCKS.clear()
    try:
        for block in environment().from_string(template).generate(**context):
            BLOCKS.append(block)
        return {"rendered": "".join(BLOCKS), "generations": list(SPANS)}
    except Exception as e:
        return {"error": ADDRESS.sub("", str(e)).strip()}


if __name__ == "__main__":
    with open("probes.txt") as probes, open("probes.jsonl", "w") as out:
        out.write(json.dumps({"context": CONTEXT}) + "\n")
        for line in probes:
            if line.strip() and not line.startswith("##"):
                template = ESCAPE.sub(lambda m: json.loads('"%s"' % m[0]), line.rstrip("\n"))
                out.write(json.dumps({"template": template, **render(template, CONTEXT)}) + "\n")
    for path in sys.argv[1:]:
        differing = {}
        for name, snippet in json.load(open(path)).items():
            result = render(snippet["template"], snippet["context"])
            if not snippet["needs_function"] and result.get("rendered") != snippet["expected"]:
                differing[name] = result
        json.dump(differing, open("snippets-python.json", "w"), indent=1)
