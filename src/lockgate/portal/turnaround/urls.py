"""Addresses of turnaround."""

from django.urls import path

from lockgate.portal.turnaround import views

app_name = "turnaround"
urlpatterns = [
    path("", views.index, name="list"),
    path("public/", views.public, name="public"),
    path("<str:key>/", views.queue, name="queue"),
    path("<str:key>/chart.svg", views.picture, name="chart"),
]
