from pathlib import Path

FOLDER = Path(__file__).parent.parent
VERSION = (FOLDER / "VERSION").read_text().strip()
