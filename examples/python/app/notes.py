"""Notes in sqlite: GET / lists them, POST /notes adds one."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from flask import Flask, jsonify, request

FOLDER = Path(__file__).parent
# `data` is a link to a shared folder that outlives this release, so both slots use the same notes.
DATABASE = FOLDER / "data" / "notes.db"
VERSION = (FOLDER / "VERSION").read_text().strip()
SLOT = os.environ.get("SWITCHYARD_SLOT", "none")

app = Flask(__name__)


def database():
    return closing(sqlite3.connect(DATABASE))


@app.after_request
def say_who(response):
    response.headers["app-version"] = VERSION
    response.headers["app-slot"] = SLOT
    return response


@app.get("/health")
def health():
    return jsonify(version=VERSION)


@app.get("/")
def notes():
    with database() as db:
        rows = db.execute("SELECT text FROM notes ORDER BY id DESC LIMIT 20").fetchall()
    return jsonify(notes=[text for (text,) in rows])


@app.post("/notes")
def add():
    with database() as db, db:
        db.execute("INSERT INTO notes (text) VALUES (?)", (request.get_data(as_text=True),))
    return "", 201


@app.get("/slow")
def slow():
    """Responds slowly, so that a switch or a stop can be observed with requests in flight."""
    time.sleep(min(request.args.get("ms", 1500, int), 10_000) / 1000)
    return jsonify(slept=True)


@app.post("/echo")
def echo():
    return request.get_data()
