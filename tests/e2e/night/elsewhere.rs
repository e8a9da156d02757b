//! A pod that the device plugin gave another card than the gate had looked at.

use anyhow::{Result, ensure};
use e2e::{Binary, Example, FakeCard, Scratch, Workspace};

use super::{Night, SHORT_TIMES, needs_pods};

#[test]
fn a_pod_on_another_card_than_it_was_admitted_to_yields_and_is_told_both() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let scratch = Scratch::reserve("elsewhere");
    let [card, other] = FakeCard::two_t4s()?;
    // Nothing of it will ever be seen on its own card, where there is room for it.
    let example = Example::in_window(&scratch, &card).loads(&other, 4096);
    let mut example = example.with(&SHORT_TIMES.replace("backoff = \"15s\"", "backoff = \"10m\""));
    example.device = format!("uuid = \"{}\"", card.uuid);
    example.source = card.dcgm_of_its_node();
    let workspace = Workspace::new(Binary::Terraform, &example.hcl())?;
    workspace.apply()?;
    let night = Night { scratch, card, example, workspace };

    night.tick_sleeps("It yields and backs off")?;
    night.told(&["Admitted"])?;
    night.told(&["WrongCard", "was given", &other.uuid, &night.card.name, &night.card.uuid])?;
    let state = other.state()?;
    ensure!(state.holders.is_empty(), "it sleeps and holds memory of the other card: {state:?}");
    night.tick_sleeps("It backs off for")?;
    other.never_refused()?;
    night.end()
}
