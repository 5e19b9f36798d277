"""gunicorn reads this file by itself, in the folder in which it is started."""

import os

bind = f"127.0.0.1:{os.environ['PORT']}"
workers = 2
threads = 8
# On SIGTERM the workers finish the requests that they have: longer than the slowest, shorter than the service's stopLimit.
graceful_timeout = 30
