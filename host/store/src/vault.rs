//! Secrets, sealed with a key that isn't in the database.
//!
//! XChaCha20-Poly1305 with a random nonce; tenant, connection and name are bound to the ciphertext, so that a sealed secret can't be
//! moved to another place.

use crate::database::Store;
use crate::error::StoreError;
use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use sqlx::Row;
use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use usher_model::Secret;
use zeroize::Zeroizing;

/// The key that seals.
#[derive(Clone)]
pub struct VaultKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey")
    }
}

impl VaultKey {
    /// From 64 hex digits, as in the environment or a key file.
    pub fn from_hex(text: &str, place: &str) -> Result<Self, StoreError> {
        let wrong =
            || StoreError::Key { place: place.to_owned(), why: "it must be 64 hex digits".to_owned() };
        let text = text.trim();
        if text.len() != 64 {
            return Err(wrong());
        }
        let mut key = Zeroizing::new([0_u8; 32]);
        for (at, byte) in key.iter_mut().enumerate() {
            let digits = text.get(at * 2..at * 2 + 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(key))
    }

    /// From a key file, which is made (readable by its owner only) where there is none.
    pub fn from_file(file: &Path) -> Result<Self, StoreError> {
        let place = file.display().to_string();
        let failed = |source| StoreError::File { place: place.clone(), source };
        if !file.exists() {
            let key = Key::generate();
            let mut hex = Zeroizing::new(String::new());
            for byte in key.iter() {
                hex.push_str(&format!("{byte:02x}"));
            }
            let mut options = std::fs::OpenOptions::new();
            let mut made = options.write(true).create_new(true).mode(0o600).open(file).map_err(failed)?;
            made.write_all(hex.as_bytes()).map_err(failed)?;
            made.sync_all().map_err(failed)?;
        }
        let text = Zeroizing::new(std::fs::read_to_string(file).map_err(failed)?);
        Self::from_hex(&text, &place)
    }

    /// A keyed hash of a list of texts, hex: HMAC-SHA-256 under a key derived from this one.
    pub(crate) fn mark(&self, parts: &[&str]) -> Result<String, StoreError> {
        let under =
            |key: &[u8]| <Hmac<Sha256> as KeyInit>::new_from_slice(key).map_err(|_| StoreError::Sealed);
        let mut deriving = under(self.0.as_slice())?;
        deriving.update(b"usher tombstones 1");
        let derived = Zeroizing::new(<[u8; 32]>::from(deriving.finalize().into_bytes()));
        let mut marking = under(derived.as_slice())?;
        for part in parts {
            // With its length, so that no two lists read the same.
            marking.update(&(part.len() as u64).to_be_bytes());
            marking.update(part.as_bytes());
        }
        Ok(hex(&marking.finalize().into_bytes()))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.0))
    }
}

fn bound(tenant: i64, connection: i64, name: &str) -> Vec<u8> {
    format!("{tenant}/{connection}/{name}").into_bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(hex.get(at * 2..at * 2 + 2)?, 16).ok()).collect()
}

fn sealed(
    key: &VaultKey,
    tenant: i64,
    connection: i64,
    name: &str,
    secret: &Secret,
) -> Result<String, StoreError> {
    let nonce = XNonce::generate();
    let aad = bound(tenant, connection, name);
    let payload = Payload { msg: secret.expose().as_bytes(), aad: &aad };
    let sealed = key.cipher().encrypt(&nonce, payload).map_err(|_| StoreError::Sealed)?;
    Ok(format!("{}{}", hex(&nonce), hex(&sealed)))
}

fn unsealed(
    key: &VaultKey,
    tenant: i64,
    connection: i64,
    name: &str,
    sealed: &str,
) -> Result<Secret, StoreError> {
    let sealed = bytes(sealed).ok_or(StoreError::Sealed)?;
    let (nonce, sealed) = sealed.split_first_chunk::<24>().ok_or(StoreError::Sealed)?;
    let aad = bound(tenant, connection, name);
    let open = key
        .cipher()
        .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad })
        .map_err(|_| StoreError::Sealed)?;
    String::from_utf8(open).map(Secret::new).map_err(|_| StoreError::Sealed)
}

impl Store {
    /// Seals and keeps a secret of a connection, whatever was kept under that name.
    pub async fn keep_secret(
        &self,
        key: &VaultKey,
        tenant: i64,
        connection: i64,
        name: &str,
        secret: &Secret,
    ) -> Result<(), StoreError> {
        self.query(
            "INSERT INTO secrets (tenant, connection, name, sealed) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant, connection, name)
             DO UPDATE SET sealed = EXCLUDED.sealed, version = secrets.version + 1",
        )
        .bind(tenant)
        .bind(connection)
        .bind(name)
        .bind(sealed(key, tenant, connection, name, secret)?)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Seals and keeps a secret if the kept one is still of this version, 0 where none is kept; its version is then the next. On the
    /// disk when this returns.
    pub async fn replace_secret(
        &self,
        key: &VaultKey,
        tenant: i64,
        connection: i64,
        name: &str,
        expected: i64,
        secret: &Secret,
    ) -> Result<bool, StoreError> {
        let sql = match expected {
            0 => {
                "INSERT INTO secrets (tenant, connection, name, sealed, version)
                 SELECT $1, $2, $3, $4, $5 + 1 WHERE true ON CONFLICT DO NOTHING"
            }
            _ => {
                "UPDATE secrets SET sealed = $4, version = version + 1
                 WHERE tenant = $1 AND connection = $2 AND name = $3 AND version = $5"
            }
        };
        let kept = self
            .query(sql)
            .bind(tenant)
            .bind(connection)
            .bind(name)
            .bind(sealed(key, tenant, connection, name, secret)?)
            .bind(expected)
            .execute(self.pool())
            .await?;
        self.settle().await?;
        Ok(kept.rows_affected() > 0)
    }

    /// Unseals a secret of a connection.
    pub async fn secret(
        &self,
        key: &VaultKey,
        tenant: i64,
        connection: i64,
        name: &str,
    ) -> Result<Option<Secret>, StoreError> {
        Ok(self.versioned_secret(key, tenant, connection, name).await?.1)
    }

    /// Unseals a secret of a connection, with its version; 0 where none is kept.
    pub async fn versioned_secret(
        &self,
        key: &VaultKey,
        tenant: i64,
        connection: i64,
        name: &str,
    ) -> Result<(i64, Option<Secret>), StoreError> {
        let row = self
            .query("SELECT sealed, version FROM secrets WHERE tenant = $1 AND connection = $2 AND name = $3")
            .bind(tenant)
            .bind(connection)
            .bind(name)
            .fetch_optional(self.pool())
            .await?;
        let Some(row) = row else { return Ok((0, None)) };
        let text = row.try_get::<String, _>(0)?;
        Ok((row.try_get(1)?, Some(unsealed(key, tenant, connection, name, &text)?)))
    }

    /// Forgets a secret of a connection.
    pub async fn forget_secret(&self, tenant: i64, connection: i64, name: &str) -> Result<(), StoreError> {
        self.query("DELETE FROM secrets WHERE tenant = $1 AND connection = $2 AND name = $3")
            .bind(tenant)
            .bind(connection)
            .bind(name)
            .execute(self.pool())
            .await?;
        Ok(())
    }
}
