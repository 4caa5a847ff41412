#!/usr/bin/env bash
# Makes docs/analyze.svg again: what `capkeep analyze testdata/web-and-dns --top 5` prints, as a picture.
# Needs Python 3 with venv; the package that draws (rich) goes into a temporary folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet install rich==14.2.0

cargo build --release
program=${CARGO_TARGET_DIR:-target}/release/capkeep
"$program" analyze testdata/web-and-dns --top 5 --color always --width 100 >"$work/text"

"$work/venv/bin/python" - "$work/text" docs/analyze.svg <<'PYTHON'
import io
import re
import sys

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

source, target = sys.argv[1:]
# Background, foreground, then black, red, green, yellow, blue, magenta, cyan, white.
theme = TerminalTheme(
    (24, 27, 33),
    (213, 217, 224),
    [(24, 27, 33), (224, 108, 117), (152, 195, 121), (229, 192, 123), (97, 175, 239), (198, 120, 221), (86, 182, 194), (213, 217, 224)],
)
console = Console(record=True, width=100, file=io.StringIO())
with open(source) as file:
    console.print(Text.from_ansi(file.read()), soft_wrap=True, end="")
svg = console.export_svg(title="capkeep analyze testdata/web-and-dns --top 5", theme=theme, unique_id="analyze")
# Pictures may not load fonts from elsewhere: the reader's own monospaced one serves.
svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
svg = re.sub(r"font-family: [^;]*;", "font-family: ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace;", svg)
svg = svg.replace("<!-- Generated with Rich https://www.textualize.io -->\n", "<!-- Made by docs/picture.sh -->\n")
# Whatever that font's width, every piece of text takes its columns.
svg = svg.replace(" textLength=", ' lengthAdjust="spacingAndGlyphs" textLength=')
with open(target, "w") as file:
    file.write("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")
PYTHON
echo "docs/analyze.svg"
