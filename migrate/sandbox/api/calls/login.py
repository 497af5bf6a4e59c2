"""/auth and /me."""

import secrets

from migrate.sandbox.base.errors import error
from migrate.sandbox.base.requestlog import timestamp
from migrate.sandbox.world.auth import Rule
from migrate.sandbox.world.world import Call, World


def _time(_world: World, call: Call) -> object:
    return int(call.shown_time)


def _credential(world: World, call: Call) -> object:
    rules = tuple(Rule(method=item["method"], path=item["path"]) for item in call.body["accessRules"])
    credential = world.keyring.issue(rules, state="pendingValidation")
    credential.redirection = call.body.get("redirection") or ""
    ticket = secrets.token_urlsafe(32)
    world.keyring.pending[ticket] = credential
    return {
        "consumerKey": credential.consumer_key,
        "state": credential.state,
        "validationUrl": f"{world.base}/auth/?credentialToken={ticket}",
    }


def _current_credential(_world: World, call: Call) -> object:
    credential = call.caller.credential
    if credential is None:
        raise error(403, "Client::Forbidden", "There is no credential: this is a service account")
    return {
        "allowedIPs": None,
        "applicationId": 1,
        "creation": timestamp(credential.created),
        "credentialId": credential.number,
        "expiration": None,
        "lastUse": timestamp(credential.last_use) if credential.last_use else None,
        "ovhSupport": False,
        "rules": [{"method": rule.method, "path": rule.path} for rule in credential.rules],
        "status": credential.state,
    }


def _details(world: World, call: Call) -> object:
    account = world.identity.nichandle
    rules = call.caller.credential.rules if call.caller.credential else ()
    return {
        "account": account,
        "allowedRoutes": [{"method": rule.method, "path": rule.path} for rule in rules],
        "description": None,
        "identities": [f"urn:v1:eu:identity:account:{account}"],
        "method": call.caller.method,
        "roles": [],
        "user": None,
    }


def _logout(_world: World, call: Call) -> object:
    if call.caller.credential is not None:
        call.caller.credential.state = "expired"
    return None


def _me(world: World, call: Call) -> object:
    fields = world.contract.models[call.operation.response].fields
    known: dict[str, object] = {
        "city": "Roubaix",
        "country": "FR",
        "currency": {"code": "EUR", "symbol": "\N{EURO SIGN}"},
        "email": "sandbox@example.net",
        "firstname": "Sandbox",
        "language": "en_GB",
        "legalform": "individual",
        "name": "Customer",
        "nichandle": world.identity.nichandle,
        "ovhCompany": "ovh",
        "ovhSubsidiary": "FR",
        "state": "complete",
    }
    return {name: known.get(name) for name in fields}


HANDLERS = {
    ("GET", "/auth/time"): _time,
    ("POST", "/auth/credential"): _credential,
    ("GET", "/auth/currentCredential"): _current_credential,
    ("GET", "/auth/details"): _details,
    ("POST", "/auth/logout"): _logout,
    ("GET", "/me"): _me,
}
