"""Addresses of tokens."""

from django.urls import path

from lockgate.portal.tokens import views

app_name = "tokens"
urlpatterns = [
    path("", views.index, name="list"),
    path("new/", views.new, name="new"),
    path("<slug:key>/revoke/", views.revoke, name="revoke"),
]
