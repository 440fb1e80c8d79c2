#!/usr/bin/env python3
"""Checks days.txt and questions.txt and prints what is in them. Exit 1 on any fault."""
import re
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).parent
KINDS = {"fact": 90, "name": 35, "multi": 35, "time": 30, "update": 20, "task": 20}
FIRST, LAST = datetime(2026, 3, 2), datetime(2026, 3, 31, 23, 59)
STOP = set("""a about above after again all am an and any are as at be because been before being
but by can can't could did didn't do does doesn't doing don't done down for from get got had has
have having he her here hers him his how i i'd i'll i'm i've if in into is it it's its just let me
more most much my no nor not now of off on once only or other our out over own s she should so
some such t than that that's the their them then there these they they're this those through to
too um under up us very was we we'd we'll we're we've were what what's when when's where which
while who who's whom why will with would you you're your er oh okay yes yeah well one""".split())


def words(text):
    """Content words, lower case, with a crude plural and -ing/-ed cut."""
    found = set()
    for word in re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower()):
        if word in STOP:
            continue
        word = re.sub(r"'s$", "", word)
        if word not in STOP:
            found.add(re.sub(r"(?:ing|ed|es|s)$", "", word) if len(word) > 4 else word)
    return found


def read_days(faults):
    days, order, current = {}, [], None
    for number, line in enumerate((HERE / "days.txt").read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith(";"):
            continue
        head = re.fullmatch(r"# (c\d{3}) (\d{4}-\d\d-\d\d \d\d:\d\d) (\S.*)", line)
        segment = re.fullmatch(r"S([1-9])> (\S.*)", line)
        if head:
            start = datetime.strptime(head[2], "%Y-%m-%d %H:%M")
            if head[1] in days:
                faults.append(f"days.txt:{number}: {head[1]} twice")
            if order and start < order[-1][1]:
                faults.append(f"days.txt:{number}: not in order of time")
            if not FIRST <= start <= LAST:
                faults.append(f"days.txt:{number}: outside the month")
            current = days[head[1]] = []
            order.append((head[1], start))
        elif segment and current is not None:
            current.append((segment[1], segment[2]))
        else:
            faults.append(f"days.txt:{number}: neither head nor segment: {line[:60]}")
    for cid, segments in days.items():
        if not 8 <= len(segments) <= 40:
            faults.append(f"days.txt: {cid} has {len(segments)} segments, not 8-40")
    for (a, start), (b, following) in zip(order, order[1:]):
        seconds = sum(len(text.split()) for _, text in days[a]) / 2.5
        if (following - start).total_seconds() < seconds:
            faults.append(f"days.txt: {a} still runs when {b} starts")
    said = Counter(text for segments in days.values() for _, text in segments)
    for text, times in said.items():
        if times > 4 and len(text.split()) > 2:
            faults.append(f"days.txt: said {times} times: {text}")
    return days, order, said


def read_questions(days, order, faults):
    questions, seen = [], set()
    starts = dict(order)
    for number, line in enumerate((HERE / "questions.txt").read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith(";"):
            continue
        where = f"questions.txt:{number}"
        fields = [field.strip() for field in line.split("|")]
        if len(fields) not in (3, 4) or fields[0] not in KINDS or not fields[1]:
            faults.append(f"{where}: not 'kind | question | evidence [| asked at]'")
            continue
        kind, question, evidence = fields[:3]
        asked = datetime(2026, 3, 31, 21)
        if len(fields) == 4:
            asked = datetime.strptime(fields[3], "%Y-%m-%d %H:%M")
        if question.lower() in seen:
            faults.append(f"{where}: question twice")
        seen.add(question.lower())
        segments = []
        for part in evidence.split():
            match = re.fullmatch(r"(c\d{3}):(\d+(?:,\d+)*)", part)
            if not match or match[1] not in days:
                faults.append(f"{where}: bad evidence {part}")
                continue
            if starts[match[1]] > asked:
                faults.append(f"{where}: {match[1]} is later than the question")
            for index in map(int, match[2].split(",")):
                if not 1 <= index <= len(days[match[1]]):
                    faults.append(f"{where}: no segment {match[1]}:{index}")
                else:
                    segments.append((match[1], index))
        if not 1 <= len(segments) <= 6 or len(set(segments)) != len(segments):
            faults.append(f"{where}: {len(segments)} segments of evidence, or one twice")
        questions.append((kind, question, segments))
    return questions


def main():
    faults = []
    days, order, said = read_days(faults)
    questions = read_questions(days, order, faults)
    total = sum(map(len, days.values()))
    spoken = sum(len(text.split()) for segments in days.values() for _, text in segments)
    print(f"{len(days)} conversations on {len({s.date() for _, s in order})} days, {total} segments,"
          f" {spoken} words, {len(said)} different segments")
    print(f"{len(questions)} questions,"
          f" {len({e for _, _, found in questions for e in found})} segments are evidence\n")
    print("kind     questions  evidence  overlap: mean   none  under a third  rare words")
    share = {}
    frequency = Counter(w for segments in days.values() for _, text in segments for w in words(text))
    for kind, least in KINDS.items():
        rows = [q for q in questions if q[0] == kind]
        if len(rows) < least:
            faults.append(f"{kind}: {len(rows)} questions, {least} wanted")
        shares, rare = [], 0
        for _, question, found in rows:
            asked = words(question)
            there = set().union(*(words(days[c][i - 1][1]) for c, i in found)) if found else set()
            shares.append(len(asked & there) / max(1, len(asked)))
            rare += any(frequency[w] <= 5 for w in asked & there)
        share[kind] = shares
        n = max(1, len(rows))
        print(f"{kind:8} {len(rows):9}  {sum(len(q[2]) for q in rows) / n:8.1f}"
              f"  {sum(shares) / n:13.2f}  {sum(s == 0 for s in shares) / n:5.0%}"
              f"  {sum(s < 1 / 3 for s in shares) / n:13.0%}  {rare / n:10.0%}")
    every = [s for shares in share.values() for s in shares]
    print(f"{'all':8} {len(every):9}  {sum(len(q[2]) for q in questions) / len(every):8.1f}"
          f"  {sum(every) / len(every):13.2f}  {sum(s == 0 for s in every) / len(every):5.0%}"
          f"  {sum(s < 1 / 3 for s in every) / len(every):13.0%}")
    print("\noverlap: share of the question's content words that stand in its evidence;"
          "\nrare words: questions that share with it a word said at most five times in the month")
    if sum(s < 1 / 3 for s in share["fact"]) * 3 < len(share["fact"]):
        faults.append("fact: fewer than a third have hardly a word in common with their evidence")
    for fault in faults:
        print("FAULT", fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
