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

/// What one message costs as the number of those who get it falls. It begins with the largest number
/// that the side can hold.
pub(crate) async fn measure(
    starter: &Starter,
    side: Side,
    kind: Kind,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), Error> {
    let mut sizes = plan.sizes.sweep.as_slice();
    let (proxy, mut crowd) = loop {
        let [largest, smaller @ ..] = sizes else {
            return Ok(());
        };
        let proxy = starter.start(side).await?;
        match gather(&*proxy, kind, *largest, Section::Sweep, plan, report).await {
            Ok(crowd) => break (proxy, crowd),
            // Fewer may be held by another start of it.
            Err(why) => report.fail(Section::Sweep, kind.many(*largest), side, &why),
        }
        sizes = smaller;
    };
    let proxy = &*proxy;
    let mut control = proxy.control();
    let fan_out = FanOut {
        section: Section::Sweep,
        prefix: "",
        kind,
        times: plan.messages,
        message,
        bytes: false,
    };
    for size in sizes.iter().copied() {
        if size < crowd.size() {
            shrink(proxy, &mut control, kind, &mut crowd, size, plan.settle).await?;
        }
        fan_out.measure(proxy, &mut control, &crowd, report).await?;
    }
    Ok(())
}
