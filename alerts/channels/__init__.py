"""The ways by which alerts reach people who look at no screen: one file each, behind the contract of `message`."""
