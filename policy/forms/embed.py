"""Writes the forms as C texts: embed.py OUT FORM.json...   The newest version of a kind comes first."""
import json
import sys


def literal(text):
    compact = json.dumps(json.loads(text), ensure_ascii=True, separators=(",", ":"))
    parts = [compact[i:i + 100] for i in range(0, len(compact), 100)]
    return "\n".join('     "' + p.replace("\\", "\\\\").replace('"', '\\"') + '"' for p in parts)


out, files = sys.argv[1], sys.argv[2:]
forms = []
for path in files:
    with open(path, encoding="utf-8") as f:
        text = f.read()
    form = json.loads(text)
    forms.append((form["kind"], -form["version"], form["name"], text))
with open(out, "w", encoding="ascii") as f:
    f.write('#include "policy/form_files.h"\n\nconst struct form_file form_files[] = {\n')
    for _, _, name, text in sorted(forms, key=lambda x: (x[0] != "request", *x)):
        f.write(f'    {{"{name}",\n{literal(text)}}},\n')
    f.write(f"}};\nconst unsigned form_file_count = {len(forms)};\n")
