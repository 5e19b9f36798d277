module pastes

go 1.19
