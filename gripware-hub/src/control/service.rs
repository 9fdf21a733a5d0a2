use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, StatusCode, request::Parts};
use http_body::Body;

use super::{
    accept::Form,
    access::{Access, ControlKey},
    answer::{self, Answer, Refused, text},
    body,
    list::List,
    publish,
    route::Route,
    target::Target,
};
use crate::connection_id::Id;

/// Answers requests.
#[derive(Debug)]
pub(super) struct Control<T> {
    target: Arc<T>,
    access: Access,
}

impl<T: Target> Control<T> {
    pub(super) fn new(target: Arc<T>, key: Option<ControlKey>) -> Self {
        Self {
            target,
            access: Access::new(key),
        }
    }

    /// Answers a request that came in at the address `local`.
    pub(super) async fn answer<B>(&self, request: Request<B>, local: Option<IpAddr>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (parts, body) = request.into_parts();
        let route = Route::of(parts.uri.path());
        if route != Some(Route::Root)
            && let Err(denied) = self.access.check(&parts, local)
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
        let acted = self.act(route, &parts, body).await;
        let answer = acted.unwrap_or_else(Answer::from);
        tracing::debug!(
            method = %parts.method,
            path = parts.uri.path(),
            status = answer.status().as_u16(),
            "control request"
        );
        answer
    }

    async fn act<B>(&self, route: Route<'_>, parts: &Parts, body: B) -> Result<Answer, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let target = &*self.target;
        let form = || Form::wanted(&parts.headers).ok_or_else(Refused::not_acceptable);
        Ok(match route {
            Route::Root => text(StatusCode::OK, "Pushpin API"),
            Route::Publish => {
                let form = form()?;
                let body = body::read(&parts.headers, body).await?;
                publish::publish(target, form, &body).await?
            }
            Route::Recover => {
                let form = form()?;
                body::read(&parts.headers, body).await?;
                target.recover().await;
                answer::done(form, "Updated")
            }
            Route::Metrics => {
                let gauges = target.gauges().await;
                answer::metrics(target.metrics().exposition(&gauges))
            }
            Route::Channels => answer::list(List::channels(target.channels())),
            Route::Connections => answer::list(List::connections(target.connections().await)),
            Route::Connection(id) => {
                if target.close(read_id(id)?).await {
                    answer::no_content()
                } else {
                    return Err(Refused::not_found());
                }
            }
            Route::PublishTo(id) => {
                let id = read_id(id)?;
                let form = form()?;
                let body = body::read(&parts.headers, body).await?;
                publish::publish_to(target, form, id, &body).await?
            }
        })
    }
}

fn read_id(text: &str) -> Result<Id, Refused> {
    Id::parse(text).ok_or_else(|| Refused::new(StatusCode::BAD_REQUEST, "Invalid connection id."))
}
