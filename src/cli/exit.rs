//! The exit codes, as `--help` documents them.

use std::process::ExitCode;

use crate::app::StartError;
use crate::config::{Faults, ReadError};
use crate::control::AskError;
use crate::store::StoreError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Well,
    Unforeseen,
    Misunderstood,
    DoorClosed,
    NothingLearnt,
    NotReady,
    BadData,
    NoData,
    AddressTaken,
    NoDaemon,
    CannotWrite,
    DataInUse,
    NotAllowed,
    BadConfig,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Unforeseen => 1,
            Self::Misunderstood => 2,
            Self::DoorClosed => 3,
            Self::NothingLearnt => 4,
            Self::NotReady => 5,
            Self::BadData => 65,
            Self::NoData => 66,
            Self::AddressTaken | Self::NoDaemon => 69,
            Self::CannotWrite => 73,
            Self::DataInUse => 75,
            Self::NotAllowed => 77,
            Self::BadConfig => 78,
        }
    }

    /// The code that stands for an error.
    pub fn of(error: &anyhow::Error) -> Self {
        if error.is::<Faults>() || error.is::<ReadError>() {
            return Self::BadConfig;
        }
        if let Some(StartError::Listen { .. } | StartError::HandedOver { .. }) = error.downcast_ref() {
            return Self::AddressTaken;
        }
        if let Some(AskError::NoDaemon { .. }) = error.downcast_ref() {
            return Self::NoDaemon;
        }
        if error.is::<super::RefusedError>() {
            return Self::NotAllowed;
        }
        if let Some(AskError::NotAllowed { .. }) = error.downcast_ref() {
            return Self::NotAllowed;
        }
        match error.downcast_ref::<StoreError>() {
            Some(StoreError::Busy { .. } | StoreError::Copying { .. }) => Self::DataInUse,
            Some(StoreError::Newer { .. } | StoreError::Foreign { .. } | StoreError::Damaged { .. }) => {
                Self::BadData
            }
            Some(StoreError::Missing { .. }) => Self::NoData,
            Some(
                StoreError::Unwritable { .. }
                | StoreError::NoRoom { .. }
                | StoreError::Exists { .. }
                | StoreError::HasDatabase { .. },
            ) => Self::CannotWrite,
            _ => Self::Unforeseen,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
