//! A small certificate authority.

mod error;
mod folder;
mod issued;

use std::{fs, net::IpAddr, path::PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevocationReason, RevokedCertParams, SerialNumber,
};
use time::{Duration, OffsetDateTime};

pub use self::error::AuthorityError;
use self::{
    error::at,
    issued::{Issued, Role},
};
use crate::{MAX_NAME_LEN, Name};

/// How long an authority is valid: it is replaced by hand, on every machine.
const AUTHORITY_DAYS: i64 = 3650;

/// A small certificate authority in a folder.
///
/// | file | |
/// |---|---|
/// | `ca.crt.pem`, `ca.key.pem` | the authority; the key belongs on no machine of the pipe |
/// | `NAME.crt.pem`, `NAME.key.pem` | a server or a client |
/// | `revoked` | a certificate revocation list (RFC 5280, section 5), from the beginning |
/// | `issued` | every certificate with its serial number: one line each |
///
/// Each file is replaced as a whole, so that a program that reads it at that moment sees the old or
/// the new one. Keys can be read by their owner only.
///
/// ```
/// use gripware_pipe::Authority;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let authority = Authority::create(folder.path())?;
/// authority.server("pipe.example.com", 365)?;
/// authority.client("fileserver", 365)?;
/// authority.revoke("fileserver")?;
/// assert!(authority.revoke("somebody").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Authority {
    folder: PathBuf,
}

impl Authority {
    /// Makes an authority in a folder, and the folder where it is missing.
    ///
    /// # Errors
    /// Where there is one already, or a file cannot be written.
    pub fn create(folder: impl Into<PathBuf>) -> Result<Self, AuthorityError> {
        let this = Self {
            folder: folder.into(),
        };
        fs::create_dir_all(&this.folder).map_err(at(&this.folder))?;
        let list = this.lock()?;
        let path = this.path("ca.crt.pem");
        if path.exists() {
            return Err(AuthorityError::Exists { path });
        }
        let key = KeyPair::generate().map_err(AuthorityError::Certificate)?;
        let mut params = CertificateParams::default();
        let serial = serial()?;
        // With a part of its number, so that two of them have different names.
        let number: String = serial
            .iter()
            .take(4)
            .map(|it| format!("{it:02x}"))
            .collect();
        params.distinguished_name = named(&format!("gripware-pipe authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        valid_for(&mut params, AUTHORITY_DAYS);
        let certificate = params
            .self_signed(&key)
            .map_err(AuthorityError::Certificate)?;
        this.write("ca.key.pem", key.serialize_pem().as_bytes(), true)?;
        this.write("ca.crt.pem", certificate.pem().as_bytes(), false)?;
        this.write_revoked(&[])?;
        drop(list);
        Ok(this)
    }

    /// An authority that is there.
    pub fn open(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Makes or renews a server's certificate. The name is the host that clients dial: a DNS name
    /// or an IP address. One for `localhost` has the loopback addresses too.
    ///
    /// # Errors
    /// Where the name is none, or a file cannot be read or written.
    pub fn server(&self, name: &str, days: u32) -> Result<(), AuthorityError> {
        let loopback = ["localhost", "127.0.0.1", "::1"];
        let mut names = vec![name.to_owned()];
        if loopback.contains(&name) {
            let others = loopback.iter().filter(|other| **other != name);
            names.extend(others.map(|other| (*other).to_owned()));
        }
        self.issue(Role::Server, name, names, days)
    }

    /// Makes or renews a client's certificate. Earlier ones of the same name stay valid until they
    /// expire or are revoked.
    ///
    /// # Errors
    /// Where the name is none, or a file cannot be read or written.
    pub fn client(&self, name: &str, days: u32) -> Result<(), AuthorityError> {
        self.issue(Role::Client, name, vec![name.to_owned()], days)
    }

    /// Revokes every certificate of a name that was made until now. One that is made later is valid.
    ///
    /// # Errors
    /// Where none is valid, or a file cannot be read or written.
    pub fn revoke(&self, name: &str) -> Result<(), AuthorityError> {
        let list = self.lock()?;
        let mut issued = self.issued()?;
        let now = OffsetDateTime::now_utc();
        let mut is_any = false;
        let name = name.to_ascii_lowercase();
        for one in issued.iter_mut().filter(|it| it.name == name) {
            if one.revoked.is_none() && one.until > now {
                one.revoked = Some(now);
                is_any = true;
            }
        }
        if !is_any {
            return Err(AuthorityError::NotIssued { name });
        }
        self.write_revoked(&issued)?;
        self.write_issued(&issued)?;
        drop(list);
        Ok(())
    }

    fn issue(
        &self,
        role: Role,
        name: &str,
        names: Vec<String>,
        days: u32,
    ) -> Result<(), AuthorityError> {
        let is_address = role == Role::Server && name.parse::<IpAddr>().is_ok();
        if !is_address {
            Name::try_from(name).map_err(|source| AuthorityError::Name {
                name: name.chars().take(MAX_NAME_LEN).collect(),
                source,
            })?;
        }
        let name = name.to_ascii_lowercase();
        if name == "ca" {
            return Err(AuthorityError::Reserved { name });
        }
        let list = self.lock()?;
        let mut issued = self.issued()?;
        if let Some(other) = issued.iter().find(|it| it.name == name && it.role != role) {
            let kind = other.role.as_str().to_owned();
            return Err(AuthorityError::Taken { name, kind });
        }
        let key = KeyPair::generate().map_err(AuthorityError::Certificate)?;
        let serial = serial()?;
        let mut params = CertificateParams::new(names).map_err(AuthorityError::Certificate)?;
        params.distinguished_name = named(&name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match role {
            Role::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Role::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        valid_for(&mut params, i64::from(days));
        let until = params.not_after;
        let certificate = params
            .signed_by(&key, &self.issuer()?)
            .map_err(AuthorityError::Certificate)?;
        // It is noted before it is there, so that there is none that cannot be revoked.
        issued.push(Issued {
            serial,
            role,
            name: name.clone(),
            until,
            revoked: None,
        });
        self.write_issued(&issued)?;
        self.write(
            &format!("{name}.key.pem"),
            key.serialize_pem().as_bytes(),
            true,
        )?;
        self.write(
            &format!("{name}.crt.pem"),
            certificate.pem().as_bytes(),
            false,
        )?;
        drop(list);
        Ok(())
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, AuthorityError> {
        let key = self.read("ca.key.pem")?;
        let key = KeyPair::from_pem(&key).map_err(AuthorityError::Certificate)?;
        let certificate = self.read("ca.crt.pem")?;
        Issuer::from_ca_cert_pem(&certificate, key).map_err(AuthorityError::Certificate)
    }

    fn write_revoked(&self, issued: &[Issued]) -> Result<(), AuthorityError> {
        let now = OffsetDateTime::now_utc();
        // An expired certificate is refused for that.
        let revoked = issued.iter().filter(|it| it.until > now).filter_map(|it| {
            Some(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&it.serial),
                revocation_time: it.revoked?,
                reason_code: Some(RevocationReason::Unspecified),
                invalidity_date: None,
            })
        });
        let list = CertificateRevocationListParams {
            this_update: now,
            next_update: now + Duration::days(AUTHORITY_DAYS),
            // It has to grow (RFC 5280, section 5.2.3).
            crl_number: SerialNumber::from_slice(&now.unix_timestamp_nanos().to_be_bytes()[4..]),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list
            .signed_by(&self.issuer()?)
            .map_err(AuthorityError::Certificate)?;
        let list = list.pem().map_err(AuthorityError::Certificate)?;
        self.write("revoked", list.as_bytes(), false)
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

/// From an hour ago, for clocks that differ.
fn valid_for(params: &mut CertificateParams, days: i64) {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::hours(1);
    params.not_after = now + Duration::days(days);
}

/// 127 bits by chance, a positive number (RFC 5280, section 4.1.2.2).
fn serial() -> Result<Vec<u8>, AuthorityError> {
    let mut serial = vec![0; 16];
    getrandom::fill(&mut serial)
        .map_err(|_| AuthorityError::Certificate(rcgen::Error::RemoteKeyError))?;
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    Ok(serial)
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn every_certificate_of_a_name_is_revoked_and_a_later_one_is_not() {
        let folder = tempdir().unwrap();
        let authority = Authority::create(folder.path()).unwrap();
        authority.client("app", 1).unwrap();
        authority.client("APP", 1).unwrap();
        authority.revoke("app").unwrap();
        assert!(authority.revoke("app").is_err());
        authority.client("app", 1).unwrap();
        let issued = authority.issued().unwrap();
        let revoked: Vec<_> = issued.iter().map(|it| it.revoked.is_some()).collect();
        assert_eq!(revoked, [true, true, false]);
    }

    #[test]
    fn an_authority_and_its_names_are_not_mixed_up() {
        let folder = tempdir().unwrap();
        let authority = Authority::create(folder.path()).unwrap();
        let again = Authority::create(folder.path()).unwrap_err();
        assert!(matches!(again, AuthorityError::Exists { .. }), "{again}");
        authority.server("localhost", 1).unwrap();
        for (name, wrong) in [
            ("ca", "itself"),
            ("localhost", "server"),
            ("../x", "cannot"),
        ] {
            let error = authority.client(name, 1).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
        authority.server("::1", 1).unwrap();
    }

    #[test]
    fn certificates_that_are_made_at_once_are_all_noted() {
        let folder = tempdir().unwrap();
        let authority = Authority::create(folder.path()).unwrap();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let authority = &authority;
                scope.spawn(move || authority.client(&format!("client-{number}"), 1).unwrap());
            }
        });
        assert_eq!(authority.issued().unwrap().len(), 8);
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempdir().unwrap();
        let authority = Authority::create(folder.path()).unwrap();
        authority.client("app", 1).unwrap();
        for name in ["ca.key.pem", "app.key.pem"] {
            let mode = fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions();
            assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
        }
    }
}
