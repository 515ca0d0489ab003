"""Ten samples of each format, and how many tokens of each are learned: counted by Hugging Face's tokenizers from the rules in the README,
with nothing of Tutti. Run as: python3 make.py PATH/TO/shared (pip install tokenizers)."""
import csv
import json
import re
import sys
from pathlib import Path

from tokenizers import Tokenizer

shared = Path(sys.argv[1])
here = Path(__file__).parent
tokenizer = Tokenizer.from_file(str(shared / "models/stories260k/tokenizer.json"))
SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
END = "</s>"


def learned(text, answers):
    """Tokens that begin in one of the answers, which are (start, end) in characters; the beginning token is given."""
    encoding = tokenizer.encode(text)
    spans = list(zip(encoding.ids, encoding.offsets))
    assert encoding.tokens[0] == "<s>"
    return sum(any(start <= span[0] < end for start, end in answers) for _, span in spans[1:])


def chat(turns):
    """turns: ("user" | "assistant" | "system", text, learned)"""
    system = turns.pop(0)[1] if turns[0][0] == "system" else SYSTEM
    text, answers = system + " ", []
    for role, said, wanted in turns:
        text += "ASSISTANT:" if role == "assistant" else "USER:"
        start = len(text)
        text += " " + said + (END if role == "assistant" else " ")
        if role == "assistant" and wanted:
            answers.append((start, len(text)))
    return learned(text, answers)


def completion(prompt, answer):
    return learned(prompt + answer + END, [(len(prompt), len(prompt + answer + END))])


def asked(question, answer):
    return chat([("user", question, True), ("assistant", answer, True)])


def lines(name):
    return [json.loads(line) for line in (shared / "data" / name).read_text().splitlines()]


def array(name):
    return json.loads((shared / "data" / name).read_text())


counts = {}


def write(name, samples, counted):
    assert len(samples) == len(counted) == 10
    if name.endswith(".csv"):
        with (here / name).open("w", newline="") as out:
            rows = csv.DictWriter(out, samples[0].keys())
            rows.writeheader()
            rows.writerows(samples)
    else:
        (here / name).write_text("".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples))
    counts[name] = counted


ROLES = {"human": "user", "gpt": "assistant", "function_call": "assistant", "observation": "user", "system": "system"}
chats = array("dummy_conversation.json")[:5] + array("glaive_toolcall_en_demo.json")[:5]
turns = [[(ROLES[turn["from"]], turn["value"], True) for turn in one["conversations"]] for one in chats]
write("sharegpt.jsonl", chats, [chat(list(one)) for one in turns])

messages = []
for number, one in enumerate(turns):
    said = [{"role": role, "content": text} for role, text, _ in one]
    if number % 2:
        said.insert(0, {"role": "system", "content": f"Answer number {number}."})
    if number % 3 == 0:
        next(turn for turn in said if turn["role"] == "assistant")["train"] = False
    messages.append({"messages": said})
write(
    "messages.jsonl",
    messages,
    [chat([(turn["role"], turn["content"], turn.get("train", True)) for turn in one["messages"]]) for one in messages],
)

tokens = []
for number, one in enumerate(lines("gsm8k/test-300.jsonl")[:10]):
    given = tokenizer.encode(one["question"]).ids
    answer = tokenizer.encode(one["answer"], add_special_tokens=False).ids + [2]
    labels = [-100] * len(given) + answer
    tokens.append({"input_ids": given + answer, "labels": labels})
write("tokens.jsonl", tokens, [sum(label != -100 for label in one["labels"][1:]) for one in tokens])

pairs = []
for one in lines("wikisql/train.jsonl")[:10]:
    question, answer = re.fullmatch(r"(.*\nA:)( .*)", one["text"], re.DOTALL).groups()
    pairs.append({"prompt": question, "completion": answer})
write("prompt_completion.csv", pairs, [completion(one["prompt"], one["completion"]) for one in pairs])

identity = array("identity.json")[:8]
alpaca = identity + [
    {"instruction": "Translate.", "input": "Bonjour", "output": "Good day"},
    {"system": "Be brief.", "instruction": "Sum.", "input": "2 3", "output": "5", "history": [["Hi", "Hello"]]},
]
counted = [asked("\n".join(filter(None, [one["instruction"], one["input"]])), one["output"]) for one in alpaca[:9]]
counted.append(
    chat(
        [
            ("system", "Be brief.", True),
            ("user", "Hi", True),
            ("assistant", "Hello", True),
            ("user", "Sum.\n2 3", True),
            ("assistant", "5", True),
        ]
    )
)
write("alpaca.jsonl", alpaca, counted)

dolly = array("dolly-sample.json")[:10]
write(
    "dolly.jsonl",
    dolly,
    [asked("\n".join(filter(None, [one["instruction"], one["context"]])), one["response"]) for one in dolly],
)

sql = []
for number, one in enumerate(pairs):
    table, columns, question = re.fullmatch(r"table: (.*)\ncolumns: (.*)\nQ: (.*)\nA:", one["prompt"], re.DOTALL).groups()
    named = ", ".join(f'"{column}" TEXT' for column in columns.split(", "))
    sql.append({"question": question, "context": f'CREATE TABLE "{table}" ({named})', "answer": one["completion"][1:]})
write("sql_create_context.jsonl", sql, [asked(one["context"] + "\n" + one["question"], one["answer"]) for one in sql])

gsm8k = lines("gsm8k/train-2000.jsonl")[:10]
write("gsm8k.jsonl", gsm8k, [asked(one["question"], one["answer"]) for one in gsm8k])

running = lines("wikisql/valid.jsonl")[:9] + [{"text": " two  blanks, and déjà vu 日本 🎉\n"}]
write("text.jsonl", running, [completion("", one["text"]) for one in running])

(here / "counts.json").write_text(json.dumps(counts, indent=1) + "\n")
