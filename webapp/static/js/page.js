// Shortcuts on pages that are not live.
import { installKeys } from "./keys.js";

installKeys();
