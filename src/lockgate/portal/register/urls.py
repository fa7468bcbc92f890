"""Addresses of the register."""

from django.urls import path

from lockgate.portal.register import views

app_name = "register"
urlpatterns = [
    path("", views.index, name="list"),
    path("feed.json", views.feed_json, name="json"),
    path("refused/", views.refused, name="refused"),
    path("feed.csv", views.feed_csv, name="csv"),
    path("<slug:slug>/", views.entry, name="entry"),
    path("<slug:slug>/results/<slug:reference>/", views.result, name="result"),
    path("<slug:slug>/results/<slug:reference>/<str:name>.svg", views.chart, name="chart"),
    path("<slug:slug>/results/<slug:reference>/files/<str:name>", views.download, name="file"),
]
