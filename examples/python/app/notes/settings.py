"""Django's settings. `data` is a link to a shared folder that outlives this release, so both slots use the same notes."""

from notes import FOLDER
from notes.secret import secret_key

SECRET_KEY = secret_key(FOLDER / "data" / "secret-key")
# A request for any other name gets status 400. The health check and the probes of a promote name the site too.
ALLOWED_HOSTS = ["notes.example"]
INSTALLED_APPS = ["django.contrib.staticfiles", "notes"]
MIDDLEWARE = [
    "notes.views.say_who",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
]
ROOT_URLCONF = "notes.urls"
WSGI_APPLICATION = "notes.wsgi.application"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "data" / "notes.db"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
STATIC_URL = "/static/"
# `collectstatic` writes here, while the release is prepared. The name of each file contains a hash of its content.
STATIC_ROOT = FOLDER / "static"
STATICFILES_STORAGE = "whitenoise.storage.CompressedManifestStaticFilesStorage"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
