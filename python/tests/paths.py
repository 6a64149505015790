"""Where things are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "python" / "examples"
SHARED = ROOT.parent / "shared"
