"""Addresses of the clerical review."""

from django.urls import path

from lockgate.portal.linkage import views

app_name = "linkage"
urlpatterns = [
    path("", views.index, name="list"),
    path("<slug:pair>/", views.pair, name="pair"),
    path("<slug:pair>/why.svg", views.why, name="why"),
]
