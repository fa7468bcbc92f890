"""Addresses of explore."""

from django.urls import path

from lockgate.portal.explore import building_views, views

app_name = "explore"
urlpatterns = [
    path("", views.index, name="list"),
    path("search/", views.search, name="search"),
    path("new/", views.new, name="new"),
    path("<uuid:key>/", views.cohort, name="cohort"),
    path("<uuid:key>/count/", views.count, name="count"),
    path("<uuid:key>/export/<slug:form>/", views.export, name="export"),
    path("<uuid:key>/explain/", views.explain, name="explain"),
    path("<uuid:key>/share/", views.share, name="share"),
    path("<uuid:key>/attach/", views.attach, name="attach"),
    path("<uuid:key>/copy/", views.copy, name="copy"),
    path("<uuid:key>/remove/", views.remove, name="remove"),
    path("<uuid:key>/edit/", building_views.edit, name="edit"),
    path("<uuid:key>/sets/<int:number>/", building_views.concepts, name="concepts"),
    path("<uuid:key>/events/", building_views.entry, name="entry"),
    path("<uuid:key>/rules/<int:rule>/", building_views.condition, name="condition"),
]
