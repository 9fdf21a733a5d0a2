//! Connections and users that are no longer heard of.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use gripware_state::records::Expired;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{app::App, error::ApiError, name, store::connection::Connection};

/// How often it is looked for connections that have expired.
const SWEEP: Duration = Duration::from_secs(1);

/// The same for users, who expire after a day.
const SWEEP_USERS: Duration = Duration::from_secs(60);

/// How many are dropped at a time.
const SWEPT: usize = 100;

impl App {
    /// Drops connections that have expired, and forgets users, for as long as anybody holds the app.
    pub(crate) fn spawn_sweep(&self) {
        let app = self.downgrade();
        tokio::spawn(async move {
            let mut ticks = interval(SWEEP);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut users_at = Instant::now();
            loop {
                let now = ticks.tick().await;
                let Some(app) = app.upgrade() else {
                    return;
                };
                app.store().sweep_members().await;
                app.sweep(name::CONNECTION).await;
                if now >= users_at {
                    app.sweep(name::USER).await;
                    users_at = now + SWEEP_USERS;
                }
            }
        });
    }

    /// Takes the records of a kind that have expired, of which no other process has the same.
    async fn sweep(&self, kind: &str) {
        loop {
            let expired = match self.store().records().take_expired(kind, SWEPT).await {
                Ok(expired) => expired,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    return tracing::warn!(error, "what has expired is not looked for");
                }
            };
            for record in &expired {
                if let Err(error) = self.expired(record).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "what has expired is not dropped");
                }
            }
            if expired.len() < SWEPT {
                return;
            }
        }
    }

    async fn expired(&self, Expired { key, value, .. }: &Expired) -> Result<(), ApiError> {
        let Some(digest) = name::digest_in(key) else {
            if let Ok(user) = serde_json::from_slice(value) {
                self.store().forget_user(&user).await?;
            }
            return Ok(());
        };
        let Ok(connection) = serde_json::from_slice::<Connection>(value) else {
            return Ok(());
        };
        self.counts().expired.fetch_add(1, Relaxed);
        // One of that id may have been made since.
        match self.store().connection(digest).await? {
            Some(_) => Ok(()),
            None => self.dropped(digest, &connection).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use gripware_axum::Grip;
    use tokio::time::sleep;

    use super::*;
    use crate::settings::Settings;

    /// How many users and connections are in the room, and how many users are known.
    async fn present(app: &App) -> (u64, u64, u64) {
        let size = app.store().size_of("room").await.unwrap();
        let known = app.store().count_users().await.unwrap();
        (size.users, size.connections, known)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_after_15_s_without_a_word_and_its_user_after_a_day() {
        let grip = Grip::from_vars(|_| None).unwrap();
        let app = App::new(&grip, Settings::new("secret"));
        let store = app.store();
        store.enter_user("anna", |_, _| ()).await.unwrap();
        let digest = name::digest("1");
        let mut connection = Connection::new("1", "anna", "0".to_owned());
        connection.subscribe("room", "0");
        store.enter_connection(&digest, &connection).await.unwrap();
        store.join("room", "anna", &digest).await.unwrap();
        app.spawn_sweep();

        sleep(Duration::from_secs(14)).await;
        assert_eq!(present(&app).await, (1, 1, 1));
        sleep(Duration::from_secs(3)).await;
        assert_eq!(present(&app).await, (0, 0, 1));
        assert!(store.connection(&digest).await.unwrap().is_none());
        let user = name::digest("anna");
        assert!(store.connections_of(&user).await.unwrap().is_empty());

        sleep(Duration::from_secs(23 * 60 * 60)).await;
        assert_eq!(present(&app).await, (0, 0, 1));
        sleep(Duration::from_secs(62 * 60)).await;
        assert_eq!(present(&app).await, (0, 0, 0));
        assert!(store.user(&user).await.unwrap().is_none());
        assert_eq!(app.counts().expired.load(Relaxed), 1);
    }
}
