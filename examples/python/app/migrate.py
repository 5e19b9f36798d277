"""Runs each file of migrations/ once, in name order. Each runs in one transaction, which also records it as done."""

import sqlite3
from pathlib import Path

FOLDER = Path(__file__).parent

db = sqlite3.connect(FOLDER / "data" / "notes.db")
db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)")
done = {name for (name,) in db.execute("SELECT name FROM migrations")}
for file in sorted((FOLDER / "migrations").glob("*.sql")):
    if file.name in done:
        continue
    print(f"{file.name} ...", flush=True)
    db.executescript(f"BEGIN; {file.read_text()}; INSERT INTO migrations VALUES ('{file.name}'); COMMIT;")
print("The database is up to date.")
