from django.urls import path

from notes import views

urlpatterns = [
    path("", views.page),
    path("health", views.health),
    path("notes", views.notes),
    path("slow", views.slow),
    path("echo", views.echo),
]
