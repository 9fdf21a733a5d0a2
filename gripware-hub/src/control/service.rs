//! One request to the control API, from access to answer.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode, request::Parts};
use http_body::Body;

use super::{
    accept::Form,
    access::{Access, ControlKey},
    answer::{self, Answer, Refused, text},
    body,
    closing::Closing,
    connection::Client,
    count::Scope,
    list, publish,
    route::Route,
    target::Target,
};
use crate::connection_id::Id;

/// Answers requests.
#[derive(Debug)]
pub(super) struct Control<T> {
    target: Arc<T>,
    access: Access,
    max_item: usize,
}

impl<T: Target> Control<T> {
    /// `max_item` is the size of the largest item as JSON, in bytes.
    pub(super) fn new(target: Arc<T>, key: Option<ControlKey>, max_item: usize) -> Self {
        Self {
            target,
            access: Access::new(key),
            max_item,
        }
    }

    /// Answers a request of a client.
    pub(super) async fn answer<B>(&self, request: Request<B>, client: &Client) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (parts, body) = request.into_parts();
        let route = Route::of(parts.uri.path());
        let checked = self.access.check(&parts, client.local);
        // The key says who it is before any of the body has come.
        if self.access.has_key()
            && checked.is_ok()
            && let Err(refused) = client.admit()
        {
            return refused.into();
        }
        if !route.is_some_and(Route::is_open)
            && let Err(denied) = checked
        {
            tracing::warn!(method = %parts.method, path = parts.uri.path(), ?denied, "control request refused");
            return answer::denied(denied);
        }
        let Some(route) = route else {
            return Refused::not_found().into();
        };
        if !route.allows(&parts.method) {
            return answer::not_allowed(&parts.method, route.allowed());
        }
        let acted = self.act(route, &parts, body, client).await;
        let answer = acted.unwrap_or_else(Answer::from);
        tracing::debug!(
            method = %parts.method,
            path = parts.uri.path(),
            status = answer.status().as_u16(),
            "control request"
        );
        answer
    }

    async fn act<B>(
        &self,
        route: Route<'_>,
        parts: &Parts,
        body: B,
        client: &Client,
    ) -> Result<Answer, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let target = &*self.target;
        let form = || Form::wanted(&parts.headers).ok_or_else(Refused::not_acceptable);
        // Where there is no key, a request that is whole says that this is a publisher.
        let read = async |body: B| {
            let most = body::max_body(self.max_item);
            let body = body::read(&parts.headers, body, most).await?;
            client.admit()?;
            Ok::<_, Refused>(body)
        };
        if !route.has_body() && !route.is_open() {
            client.admit()?;
        }
        Ok(match route {
            Route::Root => text(StatusCode::OK, "Pushpin API"),
            Route::Ready => answer::ready(target.is_ready()),
            Route::Publish => {
                let form = form()?;
                let scope = Scope::read(parts.uri.query())?;
                let items = publish::decode(&read(body).await?, self.max_item)?;
                publish::publish(target, form, scope, &items).await?
            }
            Route::Recover => {
                let form = form()?;
                read(body).await?;
                target.recover().await;
                answer::done(form, "Updated")
            }
            Route::Metrics => answer::metrics(target.metrics()),
            Route::Nodes => list::nodes(&target.nodes().await),
            Route::Channels => list::channels(target.channels(list::cursor(parts)).await?),
            Route::Connections if parts.method == Method::DELETE => {
                let scope = Scope::read(parts.uri.query())?;
                let closing = Closing::read(parts.uri.query())?;
                publish::close(target, scope, &closing).await?
            }
            Route::Connections => {
                let channel = list::channel(parts);
                let page = target.connections(channel.as_deref(), list::cursor(parts));
                list::connections(page.await?, channel.as_deref())
            }
            Route::Connection(id) => {
                let found = target.close(read_id(id)?).await;
                Refused::unless_found(found)?;
                answer::no_content()
            }
            Route::PublishTo(id) => {
                let id = read_id(id)?;
                let form = form()?;
                let body = publish::addressed(&read(body).await?);
                let items = publish::decode(&body, self.max_item)?;
                publish::publish_to(target, form, id, &items).await?
            }
        })
    }
}

fn read_id(text: &str) -> Result<Id, Refused> {
    Id::parse(text).ok_or_else(|| Refused::new(StatusCode::BAD_REQUEST, "Invalid connection id."))
}
