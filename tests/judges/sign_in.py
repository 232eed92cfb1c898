"""Microsoft's own library for signing in, MSAL, at a provider that claims to be Entra.

    python sign_in.py AUTHORITY CLIENT FLOW

Speaks by lines of JSON: reads what a flow needs, and says what the library made of the answers. Its last line is what the flow came to.
"""

import json
import sys

import msal

SCOPES = ["https://graph.microsoft.com/.default"]


def say(**said):
    print(json.dumps(said), flush=True)


def hear():
    return json.loads(sys.stdin.readline())


def application(kind, **more):
    # Entra's own list of its clouds is not asked for this one.
    return kind(sys.argv[2], authority=sys.argv[1], instance_discovery=False, **more)


def secret():
    known = hear()
    app = application(msal.ConfidentialClientApplication, client_credential=known["secret"])
    first = app.acquire_token_for_client(scopes=SCOPES)
    again = app.acquire_token_for_client(scopes=SCOPES)
    wrong = application(msal.ConfidentialClientApplication, client_credential="a guess")
    say(first=first, again=again, wrong=wrong.acquire_token_for_client(scopes=SCOPES))


def certificate():
    credential = hear()
    app = application(msal.ConfidentialClientApplication, client_credential=credential)
    say(first=app.acquire_token_for_client(scopes=SCOPES))


def code():
    known = hear()
    kind = msal.ConfidentialClientApplication if known["secret"] else msal.PublicClientApplication
    app = application(kind, client_credential=known["secret"])
    flow = app.initiate_auth_code_flow(SCOPES, redirect_uri=known["redirect"], prompt="select_account")
    say(open=flow["auth_uri"])
    signed_in = app.acquire_token_by_auth_code_flow(flow, hear())
    say(signed_in=signed_in, **renewed(app, signed_in))


def device():
    hear()
    app = application(msal.PublicClientApplication)
    flow = app.initiate_device_flow(SCOPES)
    say(open=flow["verification_uri"], code=flow["user_code"], message=flow["message"])
    hear()
    signed_in = app.acquire_token_by_device_flow(flow)
    say(signed_in=signed_in, **(renewed(app, signed_in) if "access_token" in signed_in else {}))


def renewed(app, signed_in):
    """The account by the library's name for it, two silent renewals, and what became of the first refresh token."""
    if "access_token" not in signed_in:
        return {}
    accounts = app.get_accounts()
    first = app.acquire_token_silent(SCOPES, accounts[0], force_refresh=True)
    second = app.acquire_token_silent(SCOPES, accounts[0], force_refresh=True)
    reused = app.acquire_token_by_refresh_token(signed_in["refresh_token"], SCOPES)
    after = app.acquire_token_silent_with_error(SCOPES, accounts[0], force_refresh=True)
    return {
        "accounts": accounts,
        "first": first,
        "second": second,
        "reused": reused,
        "after": after,
    }


FLOWS = [secret, certificate, code, device]

if __name__ == "__main__":
    {flow.__name__: flow for flow in FLOWS}[sys.argv[3]]()
