"""Addresses of failed checks."""

from django.urls import path

from lockgate.portal.checks import views

app_name = "checks"
urlpatterns = [
    path("<str:release>/", views.index, name="list"),
    path("<str:release>/<str:check>/", views.rows, name="rows"),
]
