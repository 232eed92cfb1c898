//! Who holds a userName: for whoever is about to make many users.

use crate::database::{Store, rows};
use crate::error::StoreError;
use sqlx::Row;
use sqlx::any::AnyRow;

/// The user who holds a userName.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The userName, folded.
    pub key: String,
    /// The directory's id.
    pub id: String,
    /// The name of the connection that owns him; none: made by hand.
    pub origin: Option<String>,
}

impl Store {
    /// The holders of these folded userNames, as far as there are any. A page of them at a time.
    pub async fn name_holders(&self, tenant: i64, keys: &[&str]) -> Result<Vec<Holder>, StoreError> {
        let found = self
            .query(
                "SELECT u.user_name_key, u.id, CASE WHEN u.origin IS NULL THEN NULL ELSE COALESCE(c.name, '') END
                 FROM json_each($2) texts CROSS JOIN users u
                 LEFT JOIN connections c ON c.tenant = u.tenant AND c.id = u.origin
                 WHERE u.tenant = $1 AND u.user_name_key = texts.value",
            )
            .bind(tenant)
            .bind(rows(&keys)?)
            .fetch_all(self.pool())
            .await?;
        Ok(found.iter().map(holder).collect::<Result<_, _>>()?)
    }
}

fn holder(row: &AnyRow) -> Result<Holder, sqlx::Error> {
    Ok(Holder { key: row.try_get(0)?, id: row.try_get(1)?, origin: row.try_get(2)? })
}
