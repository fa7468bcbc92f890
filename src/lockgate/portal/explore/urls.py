"""Addresses of explore."""

from django.urls import path

from lockgate.portal.explore import building_views, library_views, more_views, part_views, views

app_name = "explore"
urlpatterns = [
    path("", views.index, name="list"),
    path("search/", views.search, name="search"),
    path("new/", views.new, name="new"),
    path("library/", library_views.index, name="library"),
    path("library/<slug:name>/", library_views.entry, name="library-entry"),
    path("library/<slug:name>/changes/", library_views.changes, name="library-changes"),
    path("library/<slug:name>/<int:version>/", library_views.entry, name="library-version"),
    path("library/<slug:name>/<int:version>/build/", library_views.build, name="library-build"),
    path("library/<slug:name>/<int:version>/status/", library_views.status, name="library-status"),
    path("<uuid:key>/more/", more_views.more, name="more"),
    path("<uuid:key>/library/", library_views.keep, name="keep"),
    path("<uuid:key>/changes/<int:number>/", library_views.own_changes, name="changes"),
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
    path("<uuid:key>/part/<slug:spot>/", part_views.part, name="part"),
    path("<uuid:key>/part/<slug:spot>/test/", part_views.test, name="test"),
]
