use std::{
    fs,
    process::ExitCode,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use crate::{
    Error,
    clients::Kind,
    measure::{channels, deflate, echo, held, plain, publish, stalled, sweep},
    options::Options,
    plan::Plan,
    report::{Machine, Report, Section, count, svg},
    sides::{Brokering, Side, Starter},
};

/// How long one side may take for one part. Pushpin needs more than a minute for 18 000 clients.
const AT_MOST: Duration = Duration::from_secs(400);

/// Who answers plain requests.
const PLAIN: [Side; 8] = [
    Side::Router,
    Side::NoOp,
    Side::Inside,
    Side::Origin,
    Side::Nginx,
    Side::Floor,
    Side::Hub,
    Side::Pushpin,
];

/// Whom WebSockets can talk to.
const ECHO: [Side; 3] = [Side::Inside, Side::Hub, Side::Pushpin];

/// Who holds streams and WebSockets.
const HELD: [Side; 5] = [
    Side::Hub,
    Side::Inside,
    Side::Pushpin,
    Side::Nchan,
    Side::Bare,
];

/// Who holds response holds.
const RESPONSE: [Side; 3] = [Side::Hub, Side::Inside, Side::Pushpin];

/// Measures all that is asked for, and writes it down. What fails is told, and fails the command in
/// the end.
pub(crate) async fn run(
    options: &Options,
    starter: &Starter,
    most: usize,
) -> Result<ExitCode, Error> {
    let mut machine = Machine::here();
    let start = Instant::now();
    let mut report = Report::default();
    let mut plan = options.plan();
    fit(&mut plan, most, &mut report);
    let run = Run {
        options,
        starter,
        plan: &plan,
    };
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}", plan.rounds);
        run.round(&mut report).await;
    }
    run.once(&mut report).await;
    machine.took(start.elapsed().as_secs_f64() / 60.0, plan.rounds);

    let sizes = &plan.sizes;
    println!("{}\n{}", machine.sentence(), report.markdown(sizes)?);
    if let Some(file) = &options.json {
        fs::write(file, format!("{:#}\n", report.json(&machine, sizes)))?;
    }
    if let Some(file) = &options.svg {
        match svg(&report, &sizes.sweep) {
            Some(plot) => fs::write(file, plot)?,
            None => eprintln!("nothing was measured that could be drawn"),
        }
    }
    if let Some(file) = &options.page {
        report.write_page(file, &machine, sizes)?;
    }
    Ok(if report.is_whole() {
        ExitCode::SUCCESS
    } else {
        eprintln!("some sides could not be measured: the tables say why");
        ExitCode::FAILURE
    })
}

/// Leaves out what there are not enough open files for, and says so.
fn fit(plan: &mut Plan, most: usize, report: &mut Report) {
    let (fits, too_many): (Vec<_>, _) = plan.sizes.sweep.iter().partition(|size| **size <= most);
    for size in too_many {
        report.note(format!(
            "{} subscribers were left out: a process may have {} open files for clients.",
            count(size),
            count(most)
        ));
    }
    plan.sizes.sweep = fits;
    // Two hubs have as many each.
    plan.streams = plan.streams.min(most / 2).max(1);
    plan.sizes.many = plan.sizes.many.min(most).max(1);
    plan.sizes.few = plan.sizes.few.min(most / 2).max(1);
}

struct Run<'a> {
    options: &'a Options,
    starter: &'a Starter,
    plan: &'a Plan,
}

impl Run<'_> {
    /// What is measured several times.
    async fn round(&self, report: &mut Report) {
        let (starter, plan) = (self.starter, self.plan);
        if self.options.has(Section::Plain) {
            say("plain requests");
            let sides = self.options.sides(&PLAIN);
            plain::measure(starter, &sides, plan.slices, report).await;
        }
        if self.options.has(Section::Echo) {
            say("echoes");
            let sides = self.options.sides(&ECHO);
            echo::measure(starter, &sides, plan.slices, report).await;
        }
        if self.options.has(Section::Held) {
            for kind in Kind::ALL {
                let sides: &[Side] = if kind == Kind::Response {
                    &RESPONSE
                } else {
                    &HELD
                };
                for side in self.options.sides(sides) {
                    say(&format!("{}, {kind}s", side.title()));
                    let result = within(held::measure(starter, side, kind, plan, report)).await;
                    report.check(Section::Held, format!("{kind}s"), side, result);
                }
            }
        }
        if self.options.has(Section::Deflate) {
            for side in self.options.sides(&deflate::SIDES) {
                say(&format!("{}, JSON of 1 KiB", side.title()));
                let result = within(deflate::measure(starter, side, plan, report)).await;
                report.check(Section::Deflate, "JSON of 1 KiB", side, result);
            }
            say("echoes of 1 KiB");
            let sides = self.options.sides(&deflate::SIDES);
            deflate::echoes(starter, &sides, plan, report).await;
        }
    }

    /// What is measured once: it takes its medians of many messages, or takes long.
    async fn once(&self, report: &mut Report) {
        let (starter, plan) = (self.starter, self.plan);
        if self.options.has(Section::Sweep) {
            for kind in [Kind::Stream, Kind::WebSocket] {
                for side in self.options.sides(&HELD) {
                    say(&format!("{}, fewer and fewer {kind}s", side.title()));
                    let result = within(sweep::measure(starter, side, kind, plan, report)).await;
                    report.check(Section::Sweep, format!("{kind}s"), side, result);
                }
            }
        }
        let is_asked_for = |side| !self.options.sides(&[side]).is_empty();
        if is_asked_for(Side::Hub) {
            self.hub_alone(report).await;
        }
        if self.options.has(Section::Publish) && is_asked_for(Side::Inside) {
            say("history");
            let result = within(publish::history(starter, plan, report)).await;
            report.check(Section::Publish, "history", Side::Inside, result);
        }
    }

    /// What there is only of the program.
    async fn hub_alone(&self, report: &mut Report) {
        let (starter, plan) = (self.starter, self.plan);
        if self.options.has(Section::Stalled) {
            say("stalled readers");
            let result = within(stalled::measure(starter, plan.sizes.few, report)).await;
            report.check(Section::Stalled, "stalled readers", Side::Hub, result);
        }
        if self.options.has(Section::Channels) {
            say(&format!("{} channels", count(plan.sizes.channels)));
            let result = within(channels::measure(starter, plan, report)).await;
            report.check(Section::Channels, "many channels", Side::Hub, result);
        }
        if self.options.has(Section::Publish) {
            let brokers = Brokering::ALL.into_iter().map(Some);
            for broker in [None].into_iter().chain(brokers) {
                let name = broker.map_or("without a relay", Brokering::title);
                say(&format!("relay: {name}"));
                let result = within(publish::relay(starter, broker, plan, report)).await;
                report.check(
                    Section::Publish,
                    format!("relay: {name}"),
                    Side::Hub,
                    result,
                );
            }
        }
    }
}

fn say(what: &str) {
    eprintln!("{what}");
}

/// What takes longer than ever is a failure, too.
async fn within(measure: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    match timeout(AT_MOST, measure).await {
        Ok(result) => result,
        Err(_) => Err(format!("it took more than {} s", AT_MOST.as_secs()).into()),
    }
}
