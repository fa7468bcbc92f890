"""Addresses of what two people decide."""

from django.urls import path

from lockgate.portal.safety import views

app_name = "safety"
urlpatterns = [
    path("", views.index, name="list"),
    path("who/new/", views.ask_who, name="ask_who"),
    path("who/<slug:approval>/", views.who, name="who"),
    path("risk/new/", views.ask_risk, name="ask_risk"),
    path("risk/<slug:approval>/", views.risk, name="risk"),
]
