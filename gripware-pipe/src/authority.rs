use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    net::IpAddr,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevocationReason, RevokedCertParams, SerialNumber,
};
use thiserror::Error;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{MAX_NAME_LEN, Name, NameError};

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

/// Why a certificate was not made or revoked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// There is an authority in the folder.
    #[error("{path} is there: an authority is not replaced")]
    Exists {
        /// Its certificate.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{path}: it cannot be read or written")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The name is none that a certificate can have.
    #[error("{name:?} cannot be in a certificate")]
    Name {
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: NameError,
    },
    /// The name is that of the authority's own files.
    #[error("{name:?} is the name of the authority itself")]
    Reserved {
        /// The name.
        name: String,
    },
    /// A server and a client would have the same files.
    #[error("{name:?} is the name of a {kind}")]
    Taken {
        /// The name.
        name: String,
        /// `server` or `client`.
        kind: String,
    },
    /// No certificate of this name is valid.
    #[error("there is no valid certificate of {name:?} to revoke")]
    NotIssued {
        /// The name.
        name: String,
    },
    /// A line of the list of certificates cannot be read.
    #[error("{path}, line {line}: it cannot be read")]
    Issued {
        /// The list.
        path: PathBuf,
        /// The line's number.
        line: usize,
    },
    /// The cryptography failed.
    #[error("the certificate cannot be made")]
    Certificate(#[source] rcgen::Error),
}

/// What a certificate is for. It is no good for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Server,
    Client,
}

/// A line of the list of certificates.
#[derive(Debug, PartialEq, Eq)]
struct Issued {
    serial: Vec<u8>,
    role: Role,
    name: String,
    until: OffsetDateTime,
    revoked: Option<OffsetDateTime>,
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

    fn issued(&self) -> Result<Vec<Issued>, AuthorityError> {
        let path = self.path("issued");
        let text = fs::read_to_string(&path).map_err(at(&path))?;
        let lines = text.lines().enumerate();
        lines
            .map(|(number, line)| {
                Issued::parse(line).ok_or_else(|| AuthorityError::Issued {
                    path: path.clone(),
                    line: number + 1,
                })
            })
            .collect()
    }

    fn write_issued(&self, issued: &[Issued]) -> Result<(), AuthorityError> {
        let text: String = issued.iter().map(Issued::line).collect();
        self.write("issued", text.as_bytes(), false)
    }

    /// Keeps other processes out until it is dropped.
    fn lock(&self) -> Result<File, AuthorityError> {
        let path = self.path("issued");
        let open = |path: &Path| OpenOptions::new().append(true).create(true).open(path);
        // The file is replaced by whoever has the lock: then it is another one that counts.
        loop {
            let file = open(&path).map_err(at(&path))?;
            file.lock().map_err(at(&path))?;
            let (locked, there) = (file.metadata(), fs::metadata(&path));
            if is_same(&locked.map_err(at(&path))?, &there.map_err(at(&path))?) {
                return Ok(file);
            }
        }
    }

    fn read(&self, name: &str) -> Result<String, AuthorityError> {
        let path = self.path(name);
        let mut text = String::new();
        let read = File::open(&path).and_then(|mut file| file.read_to_string(&mut text));
        read.map_err(at(&path))?;
        Ok(text)
    }

    fn write(&self, name: &str, content: &[u8], is_secret: bool) -> Result<(), AuthorityError> {
        let (path, new) = (self.path(name), self.path(&format!(".{name}.new")));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(if is_secret { 0o600 } else { 0o644 });
        }
        #[cfg(not(unix))]
        let _ = is_secret;
        let written = options.open(&new).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
        written.map_err(at(&new))?;
        fs::rename(&new, &path).map_err(at(&path))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

impl Issued {
    fn line(&self) -> String {
        let serial: String = self
            .serial
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        // Times of this century can always be written.
        let text = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
        let role = self.role.as_str();
        let line = format!("{serial} {role} {} {}", self.name, text(self.until));
        match self.revoked {
            Some(time) => format!("{line} revoked {}\n", text(time)),
            None => format!("{line}\n"),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let serial = words.next()?;
        let pairs = (0..serial.len()).step_by(2);
        let serial: Option<Vec<u8>> = pairs
            .map(|at| u8::from_str_radix(serial.get(at..at + 2)?, 16).ok())
            .collect();
        let role = match words.next()? {
            "server" => Role::Server,
            "client" => Role::Client,
            _ => return None,
        };
        let time = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
        Some(Self {
            serial: serial.filter(|it| !it.is_empty())?,
            role,
            name: words.next()?.to_owned(),
            until: time(words.next()?)?,
            revoked: match words.next() {
                None => None,
                Some("revoked") => Some(time(words.next()?)?),
                Some(_) => return None,
            },
        })
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> AuthorityError {
    let path = path.to_owned();
    |source| AuthorityError::File { path, source }
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
    use proptest::prelude::*;
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

    proptest! {
        #[test]
        fn a_line_reads_as_it_was_written(
            serial in prop::collection::vec(any::<u8>(), 1..20),
            seconds in 0_i64..4_000_000_000,
            is_revoked: bool,
        ) {
            let until = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            let (role, name) = (Role::Client, "app".to_owned());
            let issued = Issued { serial, role, name, until, revoked: is_revoked.then_some(until) };
            prop_assert_eq!(Issued::parse(issued.line().trim_end()), Some(issued));
        }

        #[test]
        fn no_line_panics(line in "[0-9a-fé]{0,5} (server|client)? ?.{0,30}") {
            let _ = Issued::parse(&line);
        }
    }
}
