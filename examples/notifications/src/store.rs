//! What has to outlive the program: sessions, notes and a key. Stands for a database.

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The most notes of one user; the oldest go first.
const MAX_NOTES: usize = 100;
/// The most sessions; beyond it nobody can log in.
const MAX_SESSIONS: usize = 10_000;

/// A file with one change in each line, which is written anew, without what is gone, at each start.
pub(crate) struct Store(Mutex<Inner>);

struct Inner {
    file: File,
    tables: Tables,
}

#[derive(Default)]
struct Tables {
    key: String,
    sessions: HashMap<String, String>,
    notes: HashMap<String, VecDeque<Note>>,
    last: u64,
}

/// What one user tells another. A number is never used again.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Note {
    pub(crate) number: u64,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) text: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Change {
    Key(String),
    Login { session: String, user: String },
    Logout { session: String },
    Note(Note),
}

impl Store {
    /// Opens the file, or begins one.
    pub(crate) fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let mut tables = Tables::default();
        match fs::read_to_string(&path) {
            Ok(text) => {
                for line in text.lines() {
                    // The last line of a program that was killed may be half.
                    if let Ok(change) = serde_json::from_str(line) {
                        tables.apply(change);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        if tables.key.is_empty() {
            tables.key = random()?;
        }
        let file = write_anew(&path, &tables)?;
        Ok(Self(Mutex::new(Inner { file, tables })))
    }

    /// What signs the links of private streams: the same over restarts, or they could not be
    /// followed after one.
    pub(crate) fn link_key(&self) -> String {
        self.inner().tables.key.clone()
    }

    /// Begins a session, and returns its name.
    pub(crate) fn log_in(&self, user: String) -> Result<String, StoreError> {
        let session = random()?;
        let mut inner = self.inner();
        if inner.tables.sessions.len() >= MAX_SESSIONS {
            return Err(StoreError::Full);
        }
        inner.change(Change::Login {
            session: session.clone(),
            user,
        })?;
        Ok(session)
    }

    /// Ends a session.
    pub(crate) fn log_out(&self, session: &str) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if !inner.tables.sessions.contains_key(session) {
            return Ok(());
        }
        inner.change(Change::Logout {
            session: session.to_owned(),
        })
    }

    /// Returns whose session it is.
    pub(crate) fn user_of(&self, session: &str) -> Option<String> {
        self.inner().tables.sessions.get(session).cloned()
    }

    /// Adds a note, and returns it with its number.
    pub(crate) fn add(&self, from: String, to: String, text: String) -> Result<Note, StoreError> {
        let mut inner = self.inner();
        let number = inner.tables.last + 1;
        let note = Note {
            number,
            from,
            to,
            text,
        };
        inner.change(Change::Note(note.clone()))?;
        Ok(note)
    }

    /// Returns the notes to a user, oldest first.
    pub(crate) fn notes_of(&self, user: &str) -> Vec<Note> {
        let inner = self.inner();
        let notes = inner.tables.notes.get(user).into_iter().flatten();
        notes.cloned().collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn change(&mut self, change: Change) -> Result<(), StoreError> {
        self.file.write_all(&line(&change)?)?;
        self.tables.apply(change);
        Ok(())
    }
}

impl Tables {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Key(key) => self.key = key,
            Change::Login { session, user } => {
                self.sessions.insert(session, user);
            }
            Change::Logout { session } => {
                self.sessions.remove(&session);
            }
            Change::Note(note) => {
                self.last = self.last.max(note.number);
                let notes = self.notes.entry(note.to.clone()).or_default();
                if notes.len() == MAX_NOTES {
                    notes.pop_front();
                }
                notes.push_back(note);
            }
        }
    }

    fn changes(&self) -> impl Iterator<Item = Change> {
        let sessions = self.sessions.iter().map(|(session, user)| Change::Login {
            session: session.clone(),
            user: user.clone(),
        });
        let notes = self.notes.values().flatten().cloned().map(Change::Note);
        [Change::Key(self.key.clone())]
            .into_iter()
            .chain(sessions)
            .chain(notes)
    }
}

/// Writes beside the file and puts it in its place, so that it is whole at any time.
fn write_anew(path: &Path, tables: &Tables) -> Result<File, StoreError> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    for change in tables.changes() {
        file.write_all(&line(&change)?)?;
    }
    fs::rename(&new, path)?;
    Ok(file)
}

fn line(change: &Change) -> Result<Vec<u8>, StoreError> {
    let mut line = serde_json::to_vec(change).map_err(io::Error::from)?;
    line.push(b'\n');
    Ok(line)
}

/// A text that nobody can guess.
fn random() -> Result<String, StoreError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::NoRandom)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[derive(Debug, Error)]
pub(crate) enum StoreError {
    #[error("the file cannot be read or written")]
    File(#[from] io::Error),
    #[error("the system has no random bytes")]
    NoRandom,
    #[error("too many sessions")]
    Full,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_there_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data.jsonl");
        let store = Store::open(&path).unwrap();
        let (key, session) = (store.link_key(), store.log_in("anna".into()).unwrap());
        let gone = store.log_in("bert".into()).unwrap();
        store.log_out(&gone).unwrap();
        store
            .add("bert".into(), "anna".into(), "hello".into())
            .unwrap();

        // Killed in the middle of a line.
        File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"note\":")
            .unwrap();
        for _ in 0..2 {
            let store = Store::open(&path).unwrap();
            assert_eq!(store.link_key(), key);
            assert_eq!(store.user_of(&session).as_deref(), Some("anna"));
            assert_eq!(store.user_of(&gone), None);
            let notes = store.notes_of("anna");
            assert_eq!(
                (notes.len(), notes[0].number, &*notes[0].text),
                (1, 1, "hello")
            );
        }
    }

    #[test]
    fn the_oldest_notes_go_and_their_numbers_stay() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("data.jsonl")).unwrap();
        for n in 0..=MAX_NOTES {
            store
                .add("bert".into(), "anna".into(), n.to_string())
                .unwrap();
        }
        let notes = store.notes_of("anna");
        assert_eq!((notes.len(), notes[0].number), (MAX_NOTES, 2));
        assert!(store.notes_of("bert").is_empty());
    }
}
