use super::{
    fan_out::FanOut,
    held::{gather, shrink},
};
use crate::{
    Error,
    clients::{Kind, message},
    plan::Plan,
    report::{Report, Section},
    sides::{Side, Starter},
};

/// What one message costs as the number of those who get it falls.
pub(crate) async fn measure(
    starter: &Starter,
    side: Side,
    kind: Kind,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), Error> {
    let Some(largest) = plan.sizes.sweep.first().copied() else {
        return Ok(());
    };
    let proxy = starter.start(side).await?;
    let proxy = &*proxy;
    let mut crowd = gather(proxy, kind, largest, Section::Sweep, plan, report).await?;
    let mut control = proxy.control();
    let fan_out = FanOut {
        section: Section::Sweep,
        prefix: "",
        kind,
        times: plan.messages,
        message,
        bytes: false,
    };
    for size in plan.sizes.sweep.iter().copied() {
        if size < crowd.size() {
            shrink(proxy, &mut control, kind, &mut crowd, size, plan.settle).await?;
        }
        fan_out.measure(proxy, &mut control, &crowd, report).await?;
    }
    Ok(())
}
