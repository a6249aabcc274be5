"""Show every golden text whose verdict is out of date, and ask for a new one: `python tests/unit/prompts/judge.py`.

Answer `good`, or `fair` or `poor` and a remark; an empty answer leaves the verdict as it is, and the test failing.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[3])]

from unit.prompts import golden  # noqa: E402


def main() -> None:
    prompts = {f"{source}:{number}": text for source in golden.SOURCES for number, text in golden.texts(source)}
    judgements = {one["text"]: one for one in golden.read(golden.JUDGEMENTS)}
    for one in golden.read(golden.GOLDEN):
        name, read = one["text"], golden.mark(one)
        if judgements.get(name, {}).get("read") == read:
            continue
        print(f"\n{name}, judged before: {judgements.get(name, {}).get('verdict', 'never')}")
        print(f"  prompt {prompts[name]}\n  t5xxl  {one['t5xxl']}\n  clip_l {one['clip_l']}")
        print(f"  rules  {', '.join(one['rules'])}  warnings {', '.join(one['warnings'])}")
        verdict, _, remark = input("verdict: ").strip().partition(" ")
        if verdict in golden.VERDICTS:
            judgements[name] = {"text": name, "read": read, "verdict": verdict, "remark": remark}
    golden.write(golden.JUDGEMENTS, judgements.values())


if __name__ == "__main__":
    main()
