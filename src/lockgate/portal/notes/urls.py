"""Addresses of the reading of notes."""

from django.urls import path

from lockgate.portal.notes import views

app_name = "notes"
urlpatterns = [
    path("", views.index, name="list"),
    path("<str:release>/next/", views.following, name="next"),
    path("<str:release>/<int:note>/", views.note, name="note"),
]
