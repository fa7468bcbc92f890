"""Every address of the portal."""

from django.urls import URLPattern, URLResolver, include, path

from lockgate.portal import views
from lockgate.portal.accounts import provider
from lockgate.portal.accounts.views import organisation_sign_in
from lockgate.portal.api import api
from lockgate.portal.api.views import docs

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("tasks/", views.tasks, name="tasks"),
    path("health/", views.health, name="health"),
    path("audit/", views.audit, name="auditing"),
    path("sign-in/", views.sign_in, name="sign_in"),
    # Accounts and their addresses are the administrator's business: these pages of allauth are not offered.
    path("account/password/reset/", views.ask_administrator),
    path("account/email/", views.ask_administrator),
    path("account/oidc/organisation/login/", organisation_sign_in, name="organisation_sign_in"),
    path("account/oidc/<str:provider_id>/login/", provider.login),
    path("account/oidc/<str:provider_id>/login/callback/", provider.callback),
    path("account/3rdparty/signup/", views.ask_administrator),
    path("account/3rdparty/", views.ask_administrator),
    path("account/", include("allauth.urls")),
    path("people/", include("lockgate.portal.accounts.urls")),
    path("applications/", include("lockgate.portal.applications.urls")),
    path("projects/", include("lockgate.portal.workspaces.urls")),
    path("notebooks/", include("lockgate.portal.notebooks.urls")),
    path("reviews/", include("lockgate.portal.airlock.urls")),
    path("imports/", include("lockgate.portal.airlock.import_urls")),
    path("data-sets/", include("lockgate.portal.datasets.urls")),
    path("checks/", include("lockgate.portal.checks.urls")),
    path("incoming/", include("lockgate.portal.incoming.urls")),
    path("notes/", include("lockgate.portal.notes.urls")),
    path("linkage/", include("lockgate.portal.linkage.urls")),
    path("safety/", include("lockgate.portal.safety.urls")),
    path("notices/", include("lockgate.portal.notices.urls")),
    path("turnaround/", include("lockgate.portal.turnaround.urls")),
    path("my-record/", include("lockgate.portal.myrecord.urls")),
    path("incidents/", include("lockgate.portal.incidents.urls")),
    path("explore/", include("lockgate.portal.explore.urls")),
    path("catalogue/", include("lockgate.portal.register.catalogue")),
    path("register/", include("lockgate.portal.register.urls")),
    path("tokens/", include("lockgate.portal.tokens.urls")),
    path("api/docs/", docs, name="api_docs"),
    path("api/", api.urls),
]

handler403 = "lockgate.portal.views.forbidden"
handler404 = "lockgate.portal.views.not_found"
handler500 = "lockgate.portal.views.broken"
