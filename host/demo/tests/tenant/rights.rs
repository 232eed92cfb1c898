//! Who may ask what.

use crate::client::Client;
use serde_json::{Value, json};
use usher_demo::{Identity, Tenant};

#[tokio::test]
async fn without_a_good_token_nothing_is_answered() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    client.headers.clear();
    let reply = client.get("/v1.0/users").await;
    assert_eq!(reply.error(), (401, "InvalidAuthenticationToken".to_owned()));
    assert!(reply.headers["www-authenticate"].starts_with("Bearer "));
    client = client.with_token("stranger");
    assert_eq!(client.get("/v1.0/users").await.status, 401);
    assert_eq!(client.post("/v1.0/$batch", &json!({ "requests": [] })).await.status, 401);
    tenant.accept_tokens_by(|token| (token == "stranger").then(|| Identity::application(["User.Read.All"])));
    assert_eq!(client.get("/v1.0/users").await.status, 200);
    tenant.revoke_tokens();
    client = client.with_token("reader");
    assert_eq!(client.get("/v1.0/users").await.status, 401);
}

#[tokio::test]
async fn every_address_needs_its_permission() {
    let tenant = Tenant::t1();
    let (ann, group) = (tenant.user("ann@acme.example").unwrap(), tenant.group("G-eng").unwrap());
    let addresses: Vec<(String, &[&str])> = vec![
        (
            "users".to_owned(),
            &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
        ),
        (format!("users/{ann}"), &["User.Read.All", "Directory.Read.All"]),
        ("users/delta".to_owned(), &["User.Read.All", "Directory.Read.All"]),
        ("groups".to_owned(), &["Group.Read.All", "GroupMember.Read.All", "Directory.Read.All"]),
        ("groups/delta".to_owned(), &["Group.Read.All", "GroupMember.Read.All", "Directory.Read.All"]),
        (
            format!("groups/{group}/members"),
            &["Group.Read.All", "GroupMember.Read.All", "Directory.Read.All"],
        ),
        ("organization".to_owned(), &["Organization.Read.All", "Directory.Read.All"]),
        ("domains".to_owned(), &["Domain.Read.All", "Directory.Read.All"]),
        (
            "subscribedSkus".to_owned(),
            &["LicenseAssignment.Read.All", "Organization.Read.All", "Directory.Read.All"],
        ),
        ("directoryRoles".to_owned(), &["RoleManagement.Read.Directory", "Directory.Read.All"]),
        ("servicePrincipals".to_owned(), &["Application.Read.All", "Directory.Read.All"]),
        ("directory/deletedItems/microsoft.graph.user".to_owned(), &["User.Read.All", "Directory.Read.All"]),
        (
            "directory/deletedItems/microsoft.graph.group".to_owned(),
            &["Group.Read.All", "Directory.Read.All"],
        ),
    ];
    let all = [
        "User.Read.All",
        "Group.Read.All",
        "Organization.Read.All",
        "Domain.Read.All",
        "RoleManagement.Read.Directory",
        "Application.Read.All",
        "LicenseAssignment.Read.All",
        "GroupMember.Read.All",
        "Mail.Read",
    ];
    let mut client = Client::of(&tenant).await;
    for (address, enough) in addresses {
        for permission in all.iter().chain(enough) {
            tenant.accept_token(permission, Identity::application([*permission]));
            client = client.with_token(permission);
            let reply = client.get(&format!("/v1.0/{address}")).await;
            if enough.contains(permission) {
                assert_eq!(reply.status, 200, "{address} with {permission}");
            } else {
                assert_eq!(
                    reply.error(),
                    (403, "Authorization_RequestDenied".to_owned()),
                    "{address} with {permission}"
                );
            }
        }
    }
}

#[tokio::test]
async fn members_without_the_right_to_them_are_ids() {
    let tenant = Tenant::t1();
    tenant.accept_token("members", Identity::application(["GroupMember.Read.All"]));
    let mut client = Client::of(&tenant).await.with_token("members");
    let members = client
        .all(&format!("/v1.0/groups/{}/members?$select=id,displayName", tenant.group("G-eng").unwrap()))
        .await;
    let user = members.iter().find(|member| member["@odata.type"] == "#microsoft.graph.user").unwrap();
    assert_eq!((&user["displayName"], user["id"].is_string()), (&Value::Null, true));
    let group = members.iter().find(|member| member["@odata.type"] == "#microsoft.graph.group").unwrap();
    assert_eq!(group["displayName"], "G-eng-be");
}

#[tokio::test]
async fn a_user_reads_about_themselves() {
    let tenant = Tenant::t1();
    tenant.assign_role("Global Administrator", "ann@acme.example").unwrap();
    tenant.accept_token("ann", Identity::delegated("ann@acme.example", ["User.Read"]));
    let mut client = Client::of(&tenant).await.with_token("ann");
    assert_eq!(client.json("/v1.0/me").await["userPrincipalName"], "ann@acme.example");
    let roles = client.all("/v1.0/me/transitiveMemberOf/microsoft.graph.directoryRole").await;
    assert_eq!(roles[0]["roleTemplateId"], "62e90394-69f5-4237-9190-012177145e10");
    assert_eq!(client.all("/v1.0/me/memberOf").await.len(), 2);
    let organisation = client.json("/v1.0/organization").await["value"][0].clone();
    assert_eq!((&organisation["displayName"], &organisation["tenantType"]), (&json!("Acme"), &Value::Null));
    assert_eq!(client.json("/v1.0/users/ann@acme.example").await["surname"], "Abbot");
    assert_eq!(client.get("/v1.0/users/bob@acme.example").await.status, 403);
    assert_eq!(client.get("/v1.0/users").await.status, 403);
    client = client.with_token("reader");
    assert_eq!(client.get("/v1.0/me").await.status, 400, "an application is nobody");
}
