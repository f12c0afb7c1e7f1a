//! Deliberate bugs: each breaks what the simulator is built around, or stands
//! in for a part of the product as one might wrongly write it. None of them is
//! in the product's source.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Commits are answered without having been flushed.
    SkipFlush,
    /// A result is shown as recorded before its commit.
    TellBeforeCommit,
    /// A result is stored twice, as by a retry of what had worked.
    StoredTwice,
    /// Every tick that was missed is made up for.
    BurstTicks,
    /// The next knock is computed from the wall clock.
    WallClockSchedule,
    /// A bell rung during a round starts another.
    Overlap,
    /// What is down is knocked at faster.
    ConfirmForever,
    /// One failure fewer is enough.
    ThresholdOffByOne,
    /// A fault of our own counts as a failure.
    OwnFaultIsDown,
    /// A fault of our own counts as a success, so it breaks a streak.
    OwnFaultIsUp,
    /// What was last seen is believed for a day.
    SilenceStaysGreen,
    /// The file is told, and not what is on record.
    FileIsTold,
    /// A maintenance never ends.
    MaintenanceNeverEnds,
    /// A renamed endpoint starts anew.
    RenameLosesHistory,
    /// After a restart the judge starts anew.
    RestartForgetsOutage,
    /// A span ends a second before the next one begins.
    SpanHole,
    /// Unknown counts as up.
    GapIsUp,
    /// What should be the monotonic clock follows the wall clock.
    FreshByWallClock,
    /// A worker that panicked is not started again.
    PoisonSpreads,
    /// What is lost for want of room is not counted.
    LostUncounted,
}

impl Bug {
    pub const ALL: [Self; 20] = [
        Self::SkipFlush,
        Self::TellBeforeCommit,
        Self::StoredTwice,
        Self::BurstTicks,
        Self::WallClockSchedule,
        Self::Overlap,
        Self::ConfirmForever,
        Self::ThresholdOffByOne,
        Self::OwnFaultIsDown,
        Self::OwnFaultIsUp,
        Self::SilenceStaysGreen,
        Self::FileIsTold,
        Self::MaintenanceNeverEnds,
        Self::RenameLosesHistory,
        Self::RestartForgetsOutage,
        Self::SpanHole,
        Self::GapIsUp,
        Self::FreshByWallClock,
        Self::PoisonSpreads,
        Self::LostUncounted,
    ];
}
