"""Addresses of what came in."""

from django.urls import path

from lockgate.portal.incoming import views

app_name = "incoming"
urlpatterns = [path("", views.index, name="list")]
