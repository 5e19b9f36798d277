"""GET / is a page with the notes, GET /notes lists them, POST /notes adds one."""

import os
import time

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from notes import VERSION
from notes.models import Note

SLOT = os.environ.get("SWITCHYARD_SLOT", "none")


def say_who(get_response):
    def middleware(request):
        response = get_response(request)
        response["app-version"] = VERSION
        response["app-slot"] = SLOT
        return response

    return middleware


def latest():
    return list(Note.objects.order_by("-id").values_list("text", flat=True)[:20])


def page(request):
    return render(request, "notes.djhtml", {"notes": latest()})


def health(request):
    return JsonResponse({"version": VERSION})


@require_http_methods(["GET", "POST"])
def notes(request):
    if request.method == "POST":
        Note.objects.create(text=request.body.decode())
        return HttpResponse(status=201)
    return JsonResponse({"notes": latest()})


def slow(request):
    """Responds slowly, so that a switch or a stop can be observed with requests in flight."""
    time.sleep(min(int(request.GET.get("ms", 1500)), 10_000) / 1000)
    return JsonResponse({"slept": True})


@require_POST
def echo(request):
    return HttpResponse(request.body, content_type="application/octet-stream")
