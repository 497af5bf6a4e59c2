"""Prints the rights that this tool's calls need."""

import sys
from collections.abc import Mapping
from typing import Final

import msgspec

from migrate.commands.output import answer
from migrate.console.permissions import show_rules
from migrate.core.errors import ExitCode
from migrate.core.options.access import PermissionsOptions
from migrate.core.permissions import NeededRule, Permissions
from migrate.ovhcloud.calls import PURPOSES, Purpose, When
from migrate.ovhcloud.config import ENDPOINT_URLS, endpoint_url, read_project
from migrate.ovhcloud.permissions import calls_for, key_page, plate_of, policy_for, rules_for
from migrate.ovhcloud.rights import pattern_of

USUAL: Final = "ovh-eu"  # where ML Serving was


def permissions(options: PermissionsOptions, environ: Mapping[str, str]) -> ExitCode:
    """Prints them; nobody is asked.

    Raises:
        ConfigurationError: The endpoint is none, or the configuration cannot be read.
    """
    purposes = PURPOSES if options.doing == "all" else (options.doing,)
    found = needed(purposes, project=read_project(options.project, environ), environ=environ)
    if options.json or options.form == "rules":
        return answer("permissions", found, as_json=options.json, show=show_rules)
    text = found.link if options.form == "link" else msgspec.json.format(msgspec.json.encode(found.policy)).decode()
    sys.stdout.write(f"{text}\n")
    return ExitCode.DONE


def needed(purposes: tuple[Purpose, ...], *, project: str | None, environ: Mapping[str, str]) -> Permissions:
    """The rights that some commands need in a project, or in every one.

    Raises:
        ConfigurationError: The endpoint is none, or the configuration cannot be read.
    """
    url = endpoint_url(environ) or ENDPOINT_URLS[USUAL]
    wanted = calls_for(purposes)
    rules = rules_for(wanted, project)
    shown = []
    for rule in rules:
        meant = [call for call in wanted if rule.covers(call.method, pattern_of(call.template, project or "*"))]
        whens = dict.fromkeys(when for call in meant for when in call.when(purposes))
        shown.append(
            NeededRule(
                method=rule.method,
                path=rule.path,
                commands=tuple(name for name in purposes if any(call.when([name]) for call in meant)),
                when=(When.ALWAYS,) if When.ALWAYS in whens else tuple(whens),
            )
        )
    return Permissions(
        endpoint=url,
        project=project or "",
        rules=tuple(shown),
        policy=policy_for(wanted, plate=plate_of(url), project=project, client_id=environ.get("OVH_CLIENT_ID")),
        link=key_page(url, rules),
    )
