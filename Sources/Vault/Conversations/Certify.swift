import Foundation
import TPM
import TPMDevice
import VaultAPI

extension Vault {
    /// Has the chip certify count and ceiling, and activate a credential where one came along. Whether the answers are the
    /// chip's is for the one who checks the receipt: nothing here is believed for having come from this program.
    func certify(_ call: Certify) throws(VaultFault) -> Certify.Reply {
        let record = try record(call.enrollment, of: call.account, in: [.armed, .live, .replaced])
        let slot = try slot(of: record)
        guard let evaluationKey = record.evaluationKey,
            let template = (try? PublicArea(tpm2b: configuration.endorsementKey.bytes)).flatMap(
                EndorsementTemplate.init(of:))
        else { throw .wrongEnrollment }
        let credential = call.credential.map(Credential.init)
        sessions.makeRoom(on: chip)
        return try onChip { () throws(ChipError) in
            try chip.withAttestationKey { (key, _) throws(ChipError) in
                // First what may be refused for being somebody's mistake: a credential made for another chip.
                let activated: [UInt8]?
                if let credential {
                    activated = try chip.activate(credential, of: key, by: endorsement, template: template)
                } else {
                    activated = nil
                }
                let (attest, signature) = try chip.certify(slot, by: key, qualifyingData: call.qualifyingData.bytes)
                return Certify.Reply(
                    attest: Bytes(attest), signature: Bytes(signature.p1363),
                    evaluationKey: Bytes(Array(evaluationKey)), activated: activated.map { Bytes($0) })
            }
        }
    }
}

extension Credential {
    init(_ challenge: CredentialChallenge) {
        self.init(blob: challenge.blob.bytes, encryptedSeed: challenge.encryptedSeed.bytes)
    }
}
