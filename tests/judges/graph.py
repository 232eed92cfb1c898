"""Microsoft's own library for Microsoft Graph, asked to work with a tenant that claims to be one.

    python graph.py ADDRESS TOKEN SCENARIO

Each scenario does what a program would do with `msgraph-sdk` and says in one line of JSON what the library made of the answers: its models as
it serializes them itself, its exceptions by name. Whether that is right, the test decides that runs this.
"""

import asyncio
import json
import sys
from importlib.metadata import version

from kiota_abstractions.api_error import APIError
from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.headers_collection import HeadersCollection
from kiota_serialization_json.json_serialization_writer import JsonSerializationWriter
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.group import Group
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.password_profile import PasswordProfile
from msgraph.generated.models.reference_create import ReferenceCreate
from msgraph.generated.models.reference_update import ReferenceUpdate
from msgraph.generated.models.user import User
from msgraph.generated.models.user_collection_response import UserCollectionResponse
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem
from msgraph_core.tasks.page_iterator import PageIterator


class Token(AccessTokenProvider):
    """A token that is there already."""

    def __init__(self, token):
        self.token = token

    async def get_authorization_token(self, uri, additional_authentication_context={}):
        return self.token

    def get_allowed_hosts_validator(self):
        return AllowedHostsValidator([])


def client_of(address, token):
    adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(Token(token)))
    adapter.base_url = f"{address}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


def model(value):
    """What the library holds, by its own serializer."""
    if value is None:
        return None
    if isinstance(value, list):
        return [model(one) for one in value]
    writer = JsonSerializationWriter()
    writer.write_object_value(None, value)
    return {"type": type(value).__name__, **json.loads(writer.get_serialized_content())}


async def get(builder, eventual=False, prefer=None, **options):
    """Asks with options and headers, whichever builder takes them."""
    # In some versions all configurations have the same headers unless each is given its own.
    configuration = RequestConfiguration(headers=HeadersCollection())
    if eventual:
        configuration.headers.add("ConsistencyLevel", "eventual")
    if prefer:
        configuration.headers.add("Prefer", prefer)
    if options:
        # Every builder has a class of its own for its options, as an attribute.
        kinds = [kind for name, kind in vars(type(builder)).items() if name.endswith("GetQueryParameters")]
        configuration.query_parameters = kinds[0](**options)
    return await builder.get(request_configuration=configuration)


async def pages(client, first, eventual=False):
    """All elements of a list, as the library turns pages."""
    found = []
    iterator = PageIterator(first, client.request_adapter)
    if eventual:
        iterator.headers.add("ConsistencyLevel", "eventual")
    await iterator.iterate(lambda one: found.append(model(one)) or True)
    return found


async def refused(request):
    """What the library throws."""
    try:
        await request
    except APIError as error:
        inner = error.error.inner_error if isinstance(error, ODataError) and error.error else None
        headers = error.response_headers or {}
        return {
            "type": type(error).__name__,
            "status": error.response_status_code,
            "code": error.error.code if isinstance(error, ODataError) and error.error else None,
            "message": error.error.message if isinstance(error, ODataError) and error.error else None,
            "request_id": inner.request_id if inner else None,
            "client_request_id": inner.client_request_id if inner else None,
            "date": inner.date.isoformat() if inner and inner.date else None,
            "location": headers.get("location"),
        }
    return None


async def read(client):
    """Users and groups in all the ways of asking."""
    users, groups = client.users, client.groups
    selected = ["id", "displayName", "userPrincipalName", "accountEnabled", "assignedLicenses", "mail"]
    first = await get(users, select=selected, top=3)
    ending = await get(users, eventual=True, count=True, filter="endsWith(mail,'@acme.example')", top=2)
    return {
        "first_page": len(first.value),
        "users": await pages(client, first),
        "groups": await pages(client, await get(groups, top=2)),
        "default": model(await get(users.by_user_id("ann@acme.example"))),
        "disabled": await pages(client, await get(users, filter="accountEnabled eq false")),
        "starting": await pages(client, await get(users, filter="startsWith(displayName,'B')")),
        "counted": ending.odata_count,
        "ending": await pages(client, ending, eventual=True),
        "searched": await pages(client, await get(users, eventual=True, search='"displayName:cast"')),
        "sorted": await pages(client, await get(users, orderby=["displayName desc"], select=["displayName"])),
        "count_of_users": int(await get(users.count, eventual=True)),
    }


async def managers(client):
    """Who leads whom."""
    users = client.users
    led = await get(users, expand=["manager($select=id,displayName)"], select=["id", "userPrincipalName"])
    return {
        "led": await pages(client, led),
        "manager": model(await get(users.by_user_id("ann@acme.example").manager)),
        "of_nobody": await refused(get(users.by_user_id("bob@acme.example").manager)),
    }


async def links(client):
    """Who is in which groups, directly and below."""
    groups = client.groups
    group_of = {group.display_name: group.id for group in (await get(groups)).value}
    root = groups.by_group_id(group_of["G-root"])
    engineering = groups.by_group_id(group_of["G-eng"])
    ann = client.users.by_user_id("ann@acme.example")
    return {
        "members": await pages(client, await get(root.members)),
        "member_users": await pages(client, await get(engineering.members.graph_user, select=["id"])),
        "member_groups": await pages(client, await get(engineering.members.graph_group)),
        "transitive": await pages(client, await get(root.transitive_members, top=4)),
        "transitive_users": await pages(client, await get(root.transitive_members.graph_user)),
        "transitive_groups": await pages(client, await get(root.transitive_members.graph_group)),
        "count_of_transitive": int(await get(root.transitive_members.count, eventual=True)),
        "member_of": await pages(client, await get(ann.member_of)),
        "transitive_member_of": await pages(client, await get(ann.transitive_member_of.graph_group)),
        "expanded": await pages(client, await get(groups, expand=["members"], select=["id", "displayName"])),
    }


async def organisation(client):
    """What surrounds users and groups."""
    roles = (await client.directory_roles.get()).value
    administrators = next(role for role in roles if role.display_name == "Global Administrator")
    role = client.directory_roles.by_directory_role_id(administrators.id)
    graph = await get(
        client.service_principals, filter="appId eq '00000003-0000-0000-c000-000000000000'"
    )
    return {
        "organization": model((await client.organization.get()).value),
        "skus": model((await client.subscribed_skus.get()).value),
        "domains": model((await client.domains.get()).value),
        "domain": model(await client.domains.by_domain_id("acme.example").get()),
        "roles": model(roles),
        "role_members": model((await role.members.get()).value),
        "principal": model(graph.value),
    }


async def round_of(first):
    """A round of changes to its end: what came, and where the next one begins."""
    builder, options = first
    page = await get(builder, **options)
    came, sizes = [], []
    while True:
        came += model(page.value)
        sizes.append(len(page.value))
        if page.odata_next_link is None:
            return {"came": came, "pages": sizes, "link": page.odata_delta_link}
        page = await builder.with_url(page.odata_next_link).get()


async def users_delta(client):
    """Rounds of changes of users, with edits of users between them."""
    users, delta = client.users, client.users.delta
    selected = ["displayName", "jobTitle", "accountEnabled", "manager"]
    rounds = [await round_of((delta, {"select": selected}))]

    async def again(**options):
        rounds.append(await round_of((delta.with_url(rounds[-1]["link"]), options)))

    await again()
    gus = await users.post(
        User(
            account_enabled=True,
            display_name="Gus Grün",
            mail_nickname="gus",
            user_principal_name="gus@beta.example",
            password_profile=PasswordProfile(password="of nobody", force_change_password_next_sign_in=True),
        )
    )
    await again()
    await users.by_user_id(gus.id).patch(User(job_title="Gardener", account_enabled=False))
    await again(prefer="return=minimal")
    bob = await users.by_user_id("bob@acme.example").get()
    reference = ReferenceUpdate(odata_id=f"https://graph.microsoft.com/v1.0/users/{bob.id}")
    await users.by_user_id(gus.id).manager.ref.put(reference)
    await again()
    await users.by_user_id(gus.id).manager.ref.delete()
    await again()
    # `job_title = None` sends nothing; what is cleared is said so.
    await users.by_user_id(gus.id).patch(User(additional_data={"jobTitle": None}))
    await again()
    await users.by_user_id(gus.id).delete()
    deleted = client.directory.deleted_items
    in_bin = await pages(client, await get(deleted.graph_user, select=["id", "displayName", "deletedDateTime"]))
    await again()
    restored = await deleted.by_directory_object_id(gus.id).restore.post()
    await again()
    await users.by_user_id(gus.id).delete()
    await deleted.by_directory_object_id(gus.id).delete()
    gone = await refused(deleted.by_directory_object_id(gus.id).get())
    await again()
    await again()
    return {"gus": gus.id, "rounds": rounds, "in_bin": in_bin, "restored": model(restored), "gone": gone}


async def groups_delta(client):
    """Rounds of changes of groups, with edits of groups and members between them."""
    groups, delta = client.groups, client.groups.delta
    rounds = [await round_of((delta, {"select": ["displayName", "members"]}))]

    async def again():
        rounds.append(await round_of((delta.with_url(rounds[-1]["link"]), {})))

    new = await groups.post(
        Group(
            display_name="G-new",
            mail_enabled=False,
            mail_nickname="g-new",
            security_enabled=True,
            additional_data={
                "members@odata.bind": [f"https://graph.microsoft.com/v1.0/users/{await id_of(client, 'dan')}"]
            },
        )
    )
    await again()
    group = groups.by_group_id(new.id)
    eve = await id_of(client, "eve")
    await group.members.ref.post(
        ReferenceCreate(odata_id=f"https://graph.microsoft.com/v1.0/directoryObjects/{eve}")
    )
    await again()
    await group.members.by_directory_object_id(eve).ref.delete()
    await again()
    await group.patch(Group(description="What is new"))
    await again()
    await group.patch(Group(display_name="G-newer"))
    await again()
    await group.delete()
    await again()
    return {"new": new.id, "rounds": rounds}


async def id_of(client, name):
    return (await client.users.by_user_id(f"{name}@acme.example").get()).id


async def batch(client):
    """Several requests at once."""
    adapter, content, ids = client.request_adapter, BatchRequestContent(), {}

    def add(name, request):
        item = BatchRequestItem(request)
        content.add_request(item.id, item)
        ids[name] = item.id

    users = client.users
    add("list", users.to_get_request_information())
    add("one", users.by_user_id("ann@acme.example").to_get_request_information())
    add("none", users.by_user_id("nobody@acme.example").to_get_request_information())
    add("patch", users.by_user_id("dan@acme.example").to_patch_request_information(User(job_title="Auditor")))
    response = await client.batch.post(content)
    # Which classes the library makes of the bodies.
    listed = response.get_response_by_id(ids["list"], UserCollectionResponse)
    one = response.get_response_by_id(ids["one"], User)
    return {
        "statuses": {name: response.get_response_by_id(id).status for name, id in ids.items()},
        "headers": response.get_response_by_id(ids["one"]).headers,
        "users": model(listed.value),
        "one": model(one),
        "error": json.loads(response.get_response_stream_by_id(ids["none"]).read()),
        "dan": model(await get(users.by_user_id("dan@acme.example"), select=["jobTitle"])),
    }


async def patient(client):
    """Reads while there are too many requests, or the service is out. What the library would wait for is written down."""
    waited = []

    async def at_once(delay, *_):
        # Connections are opened with pauses of nothing.
        if delay > 0:
            waited.append(delay)

    waits, asyncio.sleep = asyncio.sleep, at_once
    try:
        users = await pages(client, await get(client.users, top=999))
    finally:
        asyncio.sleep = waits
    return {"users": users, "waited": waited}


async def errors(client):
    """What goes wrong, by the library's names for it."""
    users = client.users
    return {
        "not_found": await refused(users.by_user_id("nobody@acme.example").get()),
        "bad_filter": await refused(get(users, filter="displayName is Ann")),
        "unknown_property": await refused(get(users, select=["shoeSize"])),
        "not_advanced": await refused(get(users, filter="endsWith(mail,'example')")),
        "denied": await refused(users.by_user_id("ann@acme.example").delete()),
        "unauthenticated": await refused(client_of(sys.argv[1], "unknown").users.get()),
        "page": await refused(users.delta.with_url(f"{sys.argv[1]}/v1.0/users/delta?$skiptoken=x").get()),
        "round": await refused(users.delta.with_url(f"{sys.argv[1]}/v1.0/users/delta?$deltatoken=x").get()),
    }


async def main(address, token, scenario):
    said = await scenario(client_of(address, token))
    json.dump({"msgraph-sdk": version("msgraph-sdk"), **said}, sys.stdout)


SCENARIOS = [read, managers, links, organisation, users_delta, groups_delta, batch, patient, errors]

if __name__ == "__main__":
    wanted = {scenario.__name__: scenario for scenario in SCENARIOS}
    asyncio.run(main(sys.argv[1], sys.argv[2], wanted[sys.argv[3]]))
