"""Check a proof of consent without the program that made it: python3 check_proof.py PROOF.json [SEALS.json [DIGEST]]

PROOF.json comes from `kit subscribers proof`, SEALS.json from `kit audit seals --json`, DIGEST is the last seal's, noted earlier
somewhere that the operator does not control. Needs Python 3.11 and nothing else. Exit status: 0 proven, 1 not.
"""

import hashlib
import json
import sys
from uuid import UUID


def canonical(told):
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def commitment(person, entry):
    """What the entry says, and whose it is, under the salt."""
    head = canonical([UUID(person).hex, entry["season"], entry["event"], entry["at"]])
    salt = bytes.fromhex(entry["salt"])
    said = canonical(entry["details"])
    return hashlib.sha256(b"kit consent 1\0" + salt + len(head).to_bytes(4, "big") + head + said).hexdigest()


def leaf(entry):
    told = [entry[name] for name in ("id", "season", "event", "at", "commitment", "closed")]
    return hashlib.sha256(b"\x00" + canonical(told)).digest()


def root(entry, count):
    """RFC 9162 §2.1.3.2: from the entry up to the root of its seal."""
    at, last, value = entry["index"], count - 1, leaf(entry)
    for beside in map(bytes.fromhex, entry["path"]):
        if not last:
            raise ValueError("the path is too long")
        if at & 1 or at == last:
            value = hashlib.sha256(b"\x01" + beside + value).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            value = hashlib.sha256(b"\x01" + value + beside).digest()
        at, last = at >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return value.hex()


def digest(seal):
    return hashlib.sha256(canonical([seal[name] for name in ("previous", "number", "root", "count", "at")])).hexdigest()


def faults(proof, chain, noted):
    seals = {seal["number"]: seal for seal in proof["seals"]}
    for seal in [*proof["seals"], *chain]:
        if digest(seal) != seal["digest"]:
            yield f"seal {seal['number']}: its digest is not that of what it says"
    for entry in proof["entries"]:
        if commitment(proof["person"], entry) != entry["commitment"]:
            yield f"entry {entry['id']}: it is not what was committed to"
        if entry["seal"] is not None:
            seal = seals[entry["seal"]]
            if root(entry, seal["count"]) != seal["root"]:
                yield f"entry {entry['id']}: it is not in seal {entry['seal']}"
    previous = "00" * 32
    for number, seal in enumerate(chain, 1):
        if (seal["number"], seal["previous"]) != (number, previous):
            yield f"seal {seal['number']}: it does not follow the one before"
        previous = seal["digest"]
    if chain:
        known = {seal["digest"] for seal in chain}
        yield from (f"seal {one['number']}: not in the chain" for one in proof["seals"] if one["digest"] not in known)
        if noted and noted not in known:
            yield f"{noted}: not in the chain"


def main():
    given = sys.argv[1:]
    if not 1 <= len(given) <= 3:
        sys.exit(__doc__)
    proof = load(given[0])
    chain = load(given[1]) if given[1:] else []
    noted = given[2] if given[2:] else ""
    found = list(faults(proof, chain, noted.lower()))
    for entry in proof["entries"]:
        sealed = f"sealed in {entry['seal']}" if entry["seal"] is not None else "not sealed yet"
        print(entry["at"], entry["season"], entry["event"], sealed, entry["details"])
    print(*(found or ["proven"]), sep="\n")
    return 1 if found else 0


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


if __name__ == "__main__":
    sys.exit(main())
