"""gunicorn reads this file from its working directory."""

import os

bind = f"127.0.0.1:{os.environ['PORT']}"
workers = 2
threads = 8
# Seconds that workers may take to finish their requests after SIGTERM: longer than the slowest request, shorter than the service's stopLimit.
graceful_timeout = 30
