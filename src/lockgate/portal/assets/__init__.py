"""The portal's style and script: the NHS.UK design system from npm by lock file, and a little of our own."""
